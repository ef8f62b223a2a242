# Removes from a builder what belongs to one host only, and looks that nothing of it is left. $1 is put before each path: it is
# empty on a host. The other arguments are the files and folders that the deployment file names.
root=$1
shift

if [ -z "$root" ] && command -v cloud-init >/dev/null; then
    cloud-init clean --logs || echo "cloud-init clean has failed; what it knows of the instance is removed all the same"
fi

# An empty file makes systemd write a new id at the next boot. Without the file, Debian's would not be complete. A shell would end
# with `:` where the file cannot be written to.
cat /dev/null >"$root/etc/machine-id"
[ -L "$root/var/lib/dbus/machine-id" ] || rm -f "$root/var/lib/dbus/machine-id"

rm -rf "$root"/var/lib/cloud/instance "$root"/var/lib/cloud/instances "$root"/var/lib/cloud/sem "$root"/var/lib/cloud/data
rm -rf "$root"/var/log/journal/*
rm -f "$root"/var/lib/systemd/random-seed "$root"/var/lib/systemd/credential.secret
rm -f "$root"/etc/udev/rules.d/70-persistent-net.rules "$root"/var/lib/dhcp/*.leases
for path in "$@"; do
    rm -rf "$root$path"
done
# Last, because nobody can sign in after that.
rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub

left=
is_left() {
    echo "left on the builder: $1"
    left=yes
}
[ ! -s "$root/etc/machine-id" ] || is_left /etc/machine-id
for path in "$root"/etc/ssh/ssh_host_*_key; do
    [ ! -e "$path" ] || is_left "${path#"$root"}"
done
for path in "$@"; do
    [ ! -e "$root$path" ] && [ ! -L "$root$path" ] || is_left "$path"
done
[ -z "$left" ] || exit 9
sync
echo "nothing that belongs to one host is left"
