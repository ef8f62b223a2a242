# Prints one line for each thing by which this host is told from others: a digest of what is in it, and its name. The arguments are
# the files and folders of the deployment file; of those that are not there, nothing is printed.
digest() {
    printf '%s %s\n' "$(sha256sum | cut -c1-32)" "$1"
}
[ ! -s /etc/machine-id ] || digest 'machine-id' </etc/machine-id
for key in /etc/ssh/ssh_host_*_key.pub; do
    [ ! -s "$key" ] || cut -d' ' -f1,2 "$key" | digest "SSH host key ${key##*/}"
done
for path in "$@"; do
    if [ -d "$path" ]; then
        # In an order that depends on neither the disk nor the language.
        find "$path" -type f | LC_ALL=C sort | while read -r file; do cat -- "$file"; done | digest "$path"
    elif [ -s "$path" ]; then
        digest "$path" <"$path"
    fi
done
echo end
