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

# The service of systemd that a process belongs to, such as `cron.service`.
service_of() { sed -n 's/^[0-9]*:\(name=systemd\)*:.*\/system\.slice\/\(.*\/\)*\([^/]*\.service\).*/\3/p' "/proc/$1/cgroup" 2>/dev/null | head -n 1; }

# What may be a job of cron or anacron: each process id, and how it is related to them. `first` is what they have started, and
# `later` what that has started. The parent of the others has ended: `service` is in cron's own service, and `loose` in none.
# A `fork` is cron's process for a job, followed by its children, and `anacron` is anacron itself. Processes of containers are
# left out.
of_cron() {
    own=$(readlink /proc/self/ns/pid)
    cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) (\(.*\)) \([^ ]*\) \([0-9]*\) .*/\1 \4 \3 \2/' | awk '
        {
            parent[$1] = $2; children[$2] = children[$2] " " $1; has_ended[$1] = $3 == "Z"
            is_cron[$1] = $4 == "cron" || $4 == "crond"; is_anacron[$1] = $4 == "anacron"
        }
        END {
            for (pid in parent) {
                if (is_cron[pid]) {
                    if (is_cron[parent[pid]] && !is_cron[parent[parent[pid]]] && !has_ended[pid]) print pid, "fork" children[pid]
                    continue
                }
                for (up = parent[pid]; up in parent && !is_cron[up] && !is_anacron[up];) up = parent[up]
                if (up in parent) print pid, (up == parent[pid] ? "first" : "later")
                else if (is_anacron[pid]) print pid, "anacron"
                else if (parent[pid] == 1) print pid, "loose"
            }
        }' | while read -r pid relation children; do
        [ "$(readlink "/proc/$pid/ns/pid" 2>/dev/null)" = "$own" ] || continue
        if [ "$relation" = loose ]; then
            case $(service_of "$pid") in
            '') ;;
            cron.service | crond.service | anacron.service) relation=service ;;
            *) continue ;;
            esac
        fi
        echo "$pid $relation $children"
    done
}

# Whether one of these children of a fork of cron is its job, or has been. PAM comes before, and may take long and run programs.
# Every cron sets the SHELL of a job, and neither cron nor PAM has one. A job that has ended shows nothing.
has_begun() {
    for child in "$@"; do
        [ -e "/proc/$child" ] || continue
        environment=$(tr '\0' '\n' 2>/dev/null <"/proc/$child/environ") || return 0
        if [ -z "$environment" ] || echo "$environment" | grep -q '^SHELL='; then return 0; fi
    done
    return 1
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

# Whether a file of cron contains the whole command line of a process, or the path by which it is called.
is_of_another_file() {
    line=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline")
    case $2 in */*) path=$2 ;; *) path=${line% } ;; esac
    grep -qsrF -e "${line% }" -e "$path" /etc/crontab /etc/cron.d /etc/cron.*ly /var/spool/cron
}

# A running job of the file: what cron has started goes on when the file is held. A job is known by the text of the file, and
# a script in a folder such as /etc/cron.daily by its path. What is left of a job in cron's service, and is in no other file,
# may be of this one.
job_of_file() {
    unquoted=$(tr -d "\"'\\\\" <"$2" | sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*[A-Za-z_0-9]*[[:space:]]*=/d')
    of_cron | while read -r pid relation children; do
        case $relation in
        fork)
            # Of which file the job is cannot be told yet.
            # shellcheck disable=SC2086
            if has_begun $children; then continue; fi
            printf 'a job that begins'
            break
            ;;
        anacron)
            # It has read its table, and goes on with that.
            [ "${1##*/}" = anacrontab ] || continue
            printf anacron
            break
            ;;
        esac
        name=$(called "$pid" | tr -d "\"'\\\\")
        [ "$name" ] || continue
        case $relation:$name in
        # A single word may be anything.
        loose:*[/\ ]*) ;;
        loose:*) continue ;;
        esac
        case $relation:$unquoted in
        first:*"$name"* | service:*"$name"* | loose:*"$name"*) ;;
        service:*) if is_of_another_file "$pid" "$name"; then continue; fi ;;
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

# learn PROPERTY UNIT: sets `learned` to a property that every unit has.
learn() {
    learned=$(systemctl show -p "$1" "$2" 2>/dev/null | sed -n "s/^$1=//p")
    [ "$learned" ] || { echo "systemd does not tell the $1 of $2" >&2; return 1; }
}

# Whether a service has work: `some` or `none`. An inactive one may have a job, with which systemd starts it once what is
# ordered before it has ended. Both are asked at once, since a job may begin between two questions.
work_of() {
    systemctl show -p ActiveState -p Job "$1" 2>/dev/null | awk -F= '
        $1 == "ActiveState" && $2 { work = $2 == "inactive" || $2 == "failed" ? "none" : "some" }
        $1 == "Job" && $2 { waits = 1 }
        END { print work && waits ? "some" : work }'
}

# Whether a timer is masked for good. A mask of systemd's run time ends when the host is restarted.
is_masked() {
    learn LoadState "$1" && [ "$learned" = masked ] && learn UnitFileState "$1" && [ "$learned" = masked ]
}

state_of_timer() {
    learn LoadState "$1" || return 1
    load=$learned
    if [ "$load" = not-found ]; then echo "missing $1"; return; fi
    if [ -e "$(condition "$1").ending" ]; then echo "held $1"; return; fi
    learn ActiveState "$1" || return 1
    if [ "$learned" = active ]; then echo "not-held $1"; return; fi
    if [ -e "$(condition "$1")" ]; then idle=held busy=busy
    elif is_masked "$1"; then idle=masked busy=masked
    else echo "not-held $1"; return
    fi
    # What it has started goes on. Of a masked timer, systemd does not read which service that is.
    if [ "$load" = masked ]; then service=${1%.timer}.service
    else learn Unit "$1" || return 1; service=$learned
    fi
    case $(work_of "$service") in
    none) echo "$idle $1" ;;
    some) echo "$busy:$service $1" ;;
    *) echo "systemd does not tell the ActiveState of $service" >&2; return 1 ;;
    esac
}

hold_timer() {
    held=$(condition "$1")
    if [ -e "$held.ending" ]; then mv "$held.ending" "$held"; fi
    if [ ! -e "$held" ]; then
        # It may have been active when it was masked.
        if is_masked "$1"; then systemctl stop "$1"; return; fi
        # On a full disk nothing is held, and nothing is left half written.
        learn ActiveState "$1" || return 1
        mkdir -p "${held%/*}" || return 1
        printf '# cutover holds this timer back. It was %s.\n[Unit]\nConditionPathExists=!/\n' "$learned" >"$held.new" || { rm -f "$held.new"; return 1; }
        mv "$held.new" "$held"
        sync "$held" 2>/dev/null || sync
    fi
    systemctl daemon-reload && systemctl stop "$1"
}

put_timer_back() {
    held=$(condition "$1")
    if [ -e "$held" ]; then mv "$held" "$held.ending"; fi
    [ -e "$held.ending" ] || return 0
    systemctl daemon-reload && learn LoadState "$1" || return 1
    # What somebody has masked meanwhile stays so.
    if [ "$learned" != masked ] && grep -q 'It was active\.' "$held.ending"; then systemctl start "$1" || return 1; fi
    rm -f "$held.ending"
    rmdir "${held%/*}" 2>/dev/null || true
}

status=0
for item in "$@"; do
    case $verb:$item in
    state:/*) state_of_file "$item" ;;
    state:*) state_of_timer "$item" ;;
    hold:/*) hold_file "$item" ;;
    hold:*) hold_timer "$item" ;;
    put-back:/*) put_file_back "$item" ;;
    put-back:*) put_timer_back "$item" ;;
    esac || status=1
done
if [ "$verb" = state ]; then echo end; fi
exit "$status"
