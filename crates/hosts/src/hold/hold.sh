# Holds cron files and systemd timers back, puts them back, or tells how they are.
# $1 is `state`, `hold` or `put-back`, $2 the folder of systemd's units. The others are what is held back: a path is a cron
# file, anything else a timer. Each order may be given again at any time.
verb=$1 units=$2
shift 2

# A cron file is renamed in its own folder. cron reads no file whose name begins with a dot, and the file cannot be lost.
held_name() { echo "${1%/*}/.${1##*/}.held-by-cutover"; }

exists() { [ -e "$1" ] || [ -L "$1" ]; }

# Gives a file a name that no other has.
keep() {
    number=1
    while exists "$1.$number"; do number=$((number + 1)); done
    mv "$1" "$1.$number"
}

# The processes that cron has started, and what those have started: each process id, and whether cron itself is its parent.
# Those of containers are left out.
of_cron() {
    own=$(readlink /proc/self/ns/pid)
    cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) (\(.*\)) [^ ]* \([0-9]*\) .*/\1 \3 \2/' | awk '
        { parent[$1] = $2; is_cron[$1] = $3 == "cron" || $3 == "crond" }
        END {
            for (pid in parent) {
                for (up = parent[pid]; up in parent && !is_cron[up];) up = parent[up]
                if (up in parent && !is_cron[pid]) print pid, (up == parent[pid])
            }
        }' | while read -r pid is_first; do
        [ "$(readlink "/proc/$pid/ns/pid" 2>/dev/null)" = "$own" ] && echo "$pid $is_first"
    done
}

# What a process has to be called to belong to a cron file: the line that its shell was given, or else its program. A shell
# that runs a single program becomes that program, and of a script it shows the path after the interpreter.
called() {
    tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | awk '
        NR == 1 { name = $0; is_shell = /(^|[\/])(sh|bash|dash|perl|php|ruby|python[0-9.]*)$/ }
        NR == 2 && is_shell { if ($0 == "-c") line = 1; else if ($0 !~ /^-/) name = $0 }
        NR == 3 && line { name = $0 }
        END { print name }'
}

# A running job of the file: what cron has started goes on when the file is held. A job is known by the text of the file, and
# a script in a folder such as /etc/cron.daily by its path.
job_of_file() {
    unquoted=$(tr -d "\"'\\\\" <"$2" | sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*[A-Za-z_0-9]*[[:space:]]*=/d')
    of_cron | while read -r pid is_first; do
        name=$(called "$pid" | tr -d "\"'\\\\")
        [ "$name" ] || continue
        case $is_first:$unquoted in
        1:*"$name"*) ;;
        *) [ "$name" = "$1" ] || continue ;;
        esac
        printf '%s' "$name" | tr '\n' ' ' | cut -c1-60
        break
    done
}

state_of_file() {
    held=$(held_name "$1")
    if exists "$1"; then echo "not-held $1"
    elif exists "$held"; then
        job=$(job_of_file "$1" "$held")
        if [ "$job" ]; then echo "busy:$job $1"; else echo "held $1"; fi
    else echo "missing $1"
    fi
}

hold_file() {
    exists "$1" || return 0
    held=$(held_name "$1")
    # If something has written the file again, both are kept, and the new one is the one that is put back.
    if exists "$held"; then keep "$held"; fi
    mv "$1" "$held"
    sync "${1%/*}" 2>/dev/null || sync
}

put_file_back() {
    held=$(held_name "$1")
    exists "$held" || return 0
    if exists "$1"; then keep "$held"; else mv "$held" "$1"; fi
    sync "${1%/*}" 2>/dev/null || sync
}

# A timer gets a condition that is never true, which outlives a restart of the host. While it is taken away, it has
# another name, so that whether the timer was active is known until it is active again.
condition() { echo "$units/$1.d/cutover-hold.conf"; }

property() { systemctl show -p "$1" "$2" 2>/dev/null | sed -n "s/^$1=//p"; }

state_of_timer() {
    service=$(property Unit "$1")
    if [ "$(property LoadState "$1")" != loaded ]; then echo "missing $1"
    elif [ -e "$(condition "$1").ending" ]; then echo "held $1"
    elif [ ! -e "$(condition "$1")" ] || [ "$(property ActiveState "$1")" = active ]; then echo "not-held $1"
    else
        # What it has started goes on.
        case $(property ActiveState "${service:-$1}") in
        active | activating | deactivating | reloading) echo "busy:$service $1" ;;
        *) echo "held $1" ;;
        esac
    fi
}

hold_timer() {
    held=$(condition "$1")
    if [ -e "$held.ending" ]; then mv "$held.ending" "$held"; fi
    if [ ! -e "$held" ]; then
        # On a full disk nothing is held, and nothing is left half written.
        mkdir -p "${held%/*}" || return 1
        printf '# cutover holds this timer back. It was %s.\n[Unit]\nConditionPathExists=!/\n' \
            "$(property ActiveState "$1")" >"$held.new" || { rm -f "$held.new"; return 1; }
        mv "$held.new" "$held"
        sync "$held" 2>/dev/null || sync
    fi
    systemctl daemon-reload
    systemctl stop "$1"
}

put_timer_back() {
    held=$(condition "$1")
    if [ -e "$held" ]; then mv "$held" "$held.ending"; fi
    [ -e "$held.ending" ] || return 0
    systemctl daemon-reload
    if grep -q 'It was active\.' "$held.ending"; then systemctl start "$1" || return 1; fi
    rm -f "$held.ending"
    rmdir "${held%/*}" 2>/dev/null || true
}

for item in "$@"; do
    case $verb:$item in
    state:/*) state_of_file "$item" ;;
    state:*) state_of_timer "$item" ;;
    hold:/*) hold_file "$item" ;;
    hold:*) hold_timer "$item" ;;
    put-back:/*) put_file_back "$item" ;;
    put-back:*) put_timer_back "$item" ;;
    esac
done
if [ "$verb" = state ]; then echo end; fi
