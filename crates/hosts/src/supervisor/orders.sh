# Tells supervisor to stop, start or kill programs, with the functions of files.sh and autostart.sh. $1 is the verb, $2
# supervisorctl, $3 what is left of programs as `PID:BEGUN` words, and the others are programs.
verb=$1 supervisorctl=$2 left=$3
shift 3

# The control group of supervisor's unit; nothing on a host without systemd.
unit_of_supervisor() {
    pid=$(timeout 5 "$supervisorctl" pid)
    sed -n 's/^[0-9]*:\(name=systemd\)*:\(.*\/[^/]*\.service\).*/\2/p' "/proc/${pid:-none}/cgroup" | head -n 1
}

# The processes that supervisor started for the program, and what they have started: each inherits these variables. Those of
# containers are left alone: a supervisor in there has programs of its own, perhaps with the same names. They are in another
# namespace, and not in supervisor's unit.
processes() {
    group=${1%%:*} name=${1#*:} own=$(readlink /proc/self/ns/pid) unit=$(unit_of_supervisor 2>/dev/null)
    for environ in $(grep -slaFxz "SUPERVISOR_GROUP_NAME=$group" /proc/[0-9]*/environ); do
        process=${environ%/environ}
        [ "$name" = '*' ] || grep -qaFxz "SUPERVISOR_PROCESS_NAME=$name" "$environ" 2>/dev/null || continue
        [ "$(readlink "$process/ns/pid" 2>/dev/null)" = "$own" ] || grep -qsF "${unit:-none}" "$process/cgroup" || continue
        echo "${process#/proc/}"
    done
}

# When a process began, in the kernel's ticks since boot.
begun() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
# These processes as `PID:BEGUN` words. Another process may get an id later, so nothing is killed by its id alone.
with_begin() { for each; do echo "$each:$(begun "$each")"; done; }
is_same() { [ -n "${1#*:}" ] && [ "$(begun "${1%:*}")" = "${1#*:}" ]; }
kill_same() { is_same "$1" && kill -s KILL "${1%:*}" 2>/dev/null; }

# A process, the rest of its group, what it has started, and what those have started, whatever became of their environment: sudo
# clears it. Nothing if it has ended.
started_by() {
    is_same "$1" || return 0
    with_begin $(cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) (.*) [^ ]* \([0-9]*\) \([0-9]*\) .*/\1 \2 \3/' |
        awk -v top="${1%:*}" '
            { parent[$1] = $2; group[$1] = $3 }
            END {
                for (pid in parent) {
                    for (up = pid; up in parent && up != top;) up = parent[up]
                    if (up == top || group[pid] == top) print pid
                }
            }')
}

# The process of a program as a `PID:BEGUN` word; nothing if it has none. It is the same before and after its begin was read, so
# that is not the begin of another process that got its id.
process_of() {
    pid=$("$supervisorctl" pid "$1" 2>/dev/null)
    case $pid in '' | 0 | *[!0-9]*) return 0 ;; esac
    process=$(with_begin "$pid")
    [ "$("$supervisorctl" pid "$1" 2>/dev/null)" != "$pid" ] || echo "$process"
}

# supervisor must know of the stop, or it would start the program again. It would then wait for its own limit before it
# kills, so the processes are killed here: the one that supervisor started, with its group and all that it has started. They are
# looked for before their parents are gone, and once more after.
kill_program() {
    program=$(process_of "$1")
    started=$(started_by "$program")
    "$supervisorctl" stop "$1" &
    sleep 1
    started="$started $(started_by "$program") $(with_begin $(processes "$1"))"
    ! is_same "$program" || kill -s KILL -- "-${program%:*}" 2>/dev/null
    for left in $(printf '%s\n' $started | sort -u); do
        kill_same "$left" && echo "$1: killed process ${left%:*}"
    done
    wait
}

# Processes that no longer show their program.
for process in $left; do kill_same "$process" && echo "killed process ${process%:*}"; done

# Says in which of these files `autostart` is off, without links: what is in /proc is gone when supervisor is.
tell_held_files() {
    while read -r file; do
        ! grep -qs '^; held by cutover$' "$file" || echo "held by cutover: $(readlink -f "$file")"
    done | sort -u
}

# What autostart.sh has changed is put back, wherever it is.
if [ "$verb" = start-always ]; then
    files=$(files_of_running "$supervisorctl"; usual_files)
    echo "$files" | while read -r file; do
        if grep -qs '^; held by cutover$' "$file"; then
            sed -i --follow-symlinks -e '/^; held by cutover$/,+1d' -e 's/^;held by cutover: //' "$file"
        fi
    done
    echo "$files" | tell_held_files
    "$supervisorctl" reread
    verb=start
fi

# Until supervisor has read its files again, `supervisorctl avail` shows what was in them before. Nothing is started or
# stopped by that.
if [ "$verb" = stop-for-good ]; then
    files=$(files_of_running "$supervisorctl")
    [ -n "$files" ] || files=$(usual_files)
    echo "$files" | turn_autostart_off
    echo "$files" | tell_held_files
    "$supervisorctl" reread
    verb=stop
fi

for program in "$@"; do
    case $verb in
    kill) kill_program "$program" & ;;
    *) "$supervisorctl" "$verb" "$program" & ;;
    esac
done
wait
