# What keeps programs of the supervisor with supervisorctl $1 from starting at boot is written into its files (files.sh). Prints
# those that cannot be changed, and the programs of which no file has a section: they could not be kept down.
files=$(files_of_running "$1")
[ "$files" ] || files=$(usual_files)
echo "$files" | while read -r file; do
    target=$(readlink -f "$file")
    [ -z "$file" ] || [ -w "$file" -a -w "${target%/*}" ] || echo "read-only $file"
done
{
    echo "$files" | while read -r file; do
        [ -z "$file" ] || sed -n 's/^\[[a-z-]*:\([^]]*\)\].*/section \1/p' "$file"
    done
    timeout 10 "$1" avail 2>/dev/null |
        sed -n 's/^\([^ ]*\) *\(in use\|avail\) *\(auto\|manual\) .*/program \1/p'
} | awk '
    $1 == "section" { sections[$2]; next }
    {
        group = name = $2
        sub(/:.*/, "", group)
        sub(/^[^:]*:/, "", name)
        for (section in sections) if (section == group || index(name, section) == 1) next
        print "in-no-file " $2
    }'
