# The files that supervisor reads, one on a line.

# A script for sed that replaces what supervisor replaces in names of files:
# the name of the host, and what is in its environment.
expansions() {
    printf 's|%%(host_node_name)s|%s|g\n' "$(cat /proc/sys/kernel/hostname)"
    tr '\0' '\n' <"/proc/${pid:-none}/environ" 2>/dev/null | sed -n \
        -e '/^[A-Za-z_][A-Za-z0-9_]*=/!d' -e 's/[\\|&]/\\&/g' \
        -e 's/^\([^=]*\)=\(.*\)/s|%(ENV_\1)s|\2|g/p'
}

# A file of supervisor's and what it includes: patterns beside it, on one
# line or several, with comments.
read_with() {
    [ -f "$1" ] || return 0
    echo "$1"
    here=${1%/*}
    patterns=$(awk '
        /^\[/ { in_include = /^\[include\]/; in_files = 0; next }
        /^[;#]/ || !in_include { next }
        /^[^ \t]/ {
            in_files = tolower($0) ~ /^files[ \t]*[=:]/
            sub(/^[^=:]*[=:]/, "")
        }
        in_files { sub(/[ \t];.*/, ""); print }
    ' "$1" | sed -e "s|%(here)s|$here|g" -e "$(expansions)")
    set -f
    set -- $patterns
    set +f
    for pattern; do
        case $pattern in /*) ;; *) pattern=$here/$pattern ;; esac
        # There may be spaces in names.
        (
            IFS=
            for file in $pattern; do [ ! -f "$file" ] || echo "$file"; done
        )
    done
}

# Those of the supervisor that runs; nothing if it does not say which
# process it is, or its file is not found.
files_of_running() {
    pid=$(timeout 5 "$1" pid 2>/dev/null)
    case $pid in '' | 0 | *[!0-9]*) return 0 ;; esac
    config=$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n \
        -e '/^-[ns]*c$/{n;p;q}' -e '/^--con[a-z]*$/{n;p;q}' \
        -e 's/^-[ns]*c\(.\)/\1/p' -e 's/^--con[a-z]*=//p' | head -n 1)
    here=/proc/$pid/cwd
    # Where supervisor looks if it was not told: beside its own folder first.
    own=$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n '/\/supervisord$/p')
    case $own in /*) ;; *) own=$here/$own ;; esac
    own=${own%/*}/..
    [ -n "$config" ] || for file in "$own/etc/supervisord.conf" \
        "$own/supervisord.conf" "$here/supervisord.conf" \
        "$here/etc/supervisord.conf" /etc/supervisord.conf \
        /etc/supervisor/supervisord.conf
    do
        if [ -f "$file" ]; then config=$file; break; fi
    done
    case $config in '' | /*) ;; *) config=$here/$config ;; esac
    [ -z "$config" ] || read_with "$config"
}

# Those of a supervisor that does not run, or does not tell. Hosts without
# Open edX's folder may have them in the ones of Debian's package.
usual_files() {
    folder=/edx/app/supervisor/conf.d
    [ -d "$folder" ] || folder=/etc/supervisor/conf.d
    for file in "$folder"/*.conf; do [ ! -f "$file" ] || echo "$file"; done
    read_with "${folder%/conf.d}/supervisord.conf"
}
