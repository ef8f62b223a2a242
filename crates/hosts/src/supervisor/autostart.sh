# Open edX's own files do not mention autostart, and supervisor's default is to start a program. Many are links to others,
# which are changed. What is changed here is put back by the order that starts the programs (orders.sh). Hosts without Open
# edX's folder may have the files in the one of Debian's package.
folder=/edx/app/supervisor/conf.d
[ -d "$folder" ] || folder=/etc/supervisor/conf.d
for file in "$folder"/*.conf; do
    [ -e "$file" ] || continue
    grep -q '^; held by cutover$' "$file" || sed -i --follow-symlinks \
        -e 's/^[[:space:]]*autostart[[:space:]]*=/;held by cutover: &/' \
        -e '/^\[\(fcgi-\)\?program:/a ; held by cutover\nautostart=false' \
        "$file"
done
