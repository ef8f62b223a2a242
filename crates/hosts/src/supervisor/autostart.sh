# Open edX's own files do not mention autostart, and supervisor's default is
# to start a program. Many are links to others, which are changed. What is
# changed here is put back by the order that starts the programs
# (orders.sh). Sections of other kinds, and those that are changed already,
# are left as they are. The names of keys may be in capitals.
turn_autostart_off() {
    while read -r file; do
        sed -i --follow-symlinks '
/^\[/h
/^\[\(fcgi-\)\{0,1\}program:/{
    N
    /\n; held by cutover$/{
        N
        b
    }
    s/\n/\n; held by cutover\nautostart=false\n/
    s/\n\([ \t]*autostart[ \t]*[=:][^\n]*\)$/\n;held by cutover: \1/I
    b
}
x
/^\[\(fcgi-\)\{0,1\}program:/{
    x
    s/^[ \t]*autostart[ \t]*[=:]/;held by cutover: &/I
    b
}
x' "$file"
    done
}
