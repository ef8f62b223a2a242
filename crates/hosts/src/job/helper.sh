# cutover's job helper: starts, reads, signals or removes one job on this host.
#
#   sh -c HELPER cutover-job FOLDER VERB ARGUMENT...
#
# It needs a POSIX shell and the basic programs of a Linux system (coreutils, util-linux), and root for jobs of other
# users. Where systemd runs, it must be 229 (Ubuntu 16.04) or later. A job is the folder FOLDER/NAME, which is root's:
#
#   start    who started it and when: epoch, boot id, seconds since 1970, and seconds since boot
#   run      the script that runs the command, as root: only the command is run as its user
#   write    the script that writes the output
#   writing  exists once that cannot be ended together with the unit any more
#   ran      whoever renames `ready` to this runs the command, so that it runs at most once, however often it is launched
#   pids     the script's process id and start time, the process id of the one that writes the output, and the number of the
#            namespace of the job's processes as the kernel says it, `uts:[4026531838]`, or their session
#   namespace  where the namespace of the job's processes is mounted
#   output   what the command has printed, up to a limit
#   cut      exists if it printed more than that, or if the disk was full
#   signalled  exists if a signal was sent to its processes
#   interrupted  exists if the command has not ended by itself: after a signal, or while the host shut down
#   left     the exit status of a command that has ended while processes that it has started go on
#   exit     how it ended
#   gone     exists if it was found without a process and without an `exit`, or if a person says that it is
#
# A process is the job's if it is in the job's unit, or in a namespace of host names that the command runs in. Whatever it starts
# is in there too: it gets no environment, parent or control group of the command through `su -` or `sudo -i`, and none once its
# parents have ended, but it stays in the namespace. One that makes a namespace of its own stays in the unit, unless it was taken
# elsewhere before. The namespace is mounted, so that its number is not given to another one before the job is collected. Only root
# can make and mount one. Without, the session of the kernel's, which `su` leaves, is taken instead.
#
# Everything that is written while the command runs, except the output, has its room from the beginning, and is renamed
# into place. So a disk that fills up meanwhile takes away output, and nothing else.
#
# FOLDER/epoch is the highest epoch of a conductor that has written here. Lower ones are refused. Every change is made
# under a lock, so that a conductor that was refused once cannot have a change under way.
set -eu
umask 077
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

folder=$1 verb=$2
shift 2
boot=$(cat /proc/sys/kernel/random/boot_id)

# The answer is the line that begins like this. Anything before it was printed by the host's own start-up files.
answer() { answered=yes; printf '@cutover-job %s\n' "$*"; }
# Nothing was changed: it cannot be done until somebody has seen to it, or it may be tried again.
fail() { undo; answer "failed $*"; exit 0; }
not_now() { undo; answer "not-now $*"; exit 0; }

# Removes what is not complete.
undo() { if [ "$new" ]; then rm -rf "$new" "$(input_folder)"; fi; }

# A command of this script has failed, and its message is on standard error. If something may have been changed by then, there
# is no answer, which leaves it open.
give_up() {
    [ -z "$answered$changed" ] || return 0
    [ "$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print $4 }')" != 0 ] || fail "the disk of $folder is full"
    not_now "the helper of jobs could not go on"
}
answered= changed= new=
trap give_up EXIT

# Whether the host shuts down, as far as systemd can tell.
is_host_stopping() { has_systemd && [ "$(timeout 5 systemctl is-system-running 2>/dev/null)" = stopping ]; }

has_systemd() { [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; }

# quote WORD: prints the word so that a shell reads it as one word, whatever it contains.
quote() { printf "'"; printf %s "$1" | sed "s/'/'\\\\''/g"; printf "' "; }

# field NAME FILE: the value of NAME=value in a file with several such words on one line.
field() { tr ' ' '\n' <"$2" | sed -n "s/^$1=//p"; }

# keep FILE...: lets files outlive a power cut. A name is kept with the folder that it is in.
keep() { sync "$@" 2>/dev/null || sync; }

# Locks the folder, and refuses a conductor whose epoch is lower than one that was here before.
enter() {
    mkdir -p "$folder"
    exec 9>"$folder/lock"
    flock -w 10 9 || not_now "another change on this host has held the lock for 10 s"
    seen=0
    [ ! -e "$folder/epoch" ] || read -r seen <"$folder/epoch" || true
    case $seen in '' | *[!0-9]*) fail "$folder/epoch is damaged, so this host cannot tell whose orders count" ;; esac
    if [ "$1" -lt "$seen" ]; then
        answer "superseded epoch=$seen"
        exit 0
    elif [ ! -e "$folder/epoch" ]; then
        epoch_of "$1" >"$folder/epoch.new"
        keep "$folder/epoch.new"
        mv "$folder/epoch.new" "$folder/epoch"
        keep "$folder"
    elif [ "$1" -gt "$seen" ]; then
        # In its place, in one call, within one block: it needs no room on a disk that is full.
        epoch_of "$1" 1<>"$folder/epoch"
        keep "$folder/epoch"
    fi
}

epoch_of() { printf '%-32s\n' "$1"; }

# What the kernel says of a process, from its state on. Of one that has ended and waits for its parent, nothing, unless it has lost
# only its main thread, and others go on.
known_of() { sed -e 's/.*) //' -e '/^[ZX] \([^ ]* \)\{16\}[01] /d' "/proc/$1/stat" 2>/dev/null; }

# start_time PID: when the process began, in the kernel's ticks since boot. With the boot id it identifies a process.
start_time() { known_of "$1" | cut -d' ' -f20; }

is_alive() {
    read -r pid begun _ 2>/dev/null <"$job/pids" || return 1
    [ -n "$begun" ] && [ "$(start_time "$pid")" = "$begun" ]
}

# Seconds since boot. No clock that somebody sets changes them.
uptime() {
    read -r up _ </proc/uptime
    echo "${up%.*}"
}

# Whether the job was launched less than 15 s ago, in this boot.
is_launching() {
    since=$(($(uptime) - $(field up "$job/start")))
    [ "$since" -ge 0 ] && [ "$since" -lt 15 ]
}

# The state of the job, in the words of the answer. A job that was launched begins when it has made `ran` and `pids`. If
# it has not begun after 15 s, its launch was lost, and it may be launched again. It has vanished only when no process of it
# is left, even if the one that would have recorded its end was killed. Later, its session may be that of something else. It ends
# with its unit: systemd sends TERM to what is in there once the script has ended.
state() {
    if [ ! -e "$job/start" ]; then echo none
    elif [ -e "$job/exit" ]; then
        if [ "$(ends_with_unit)" ]; then echo running; else echo "ended $(cat "$job/exit")"; fi
    elif [ "$(field boot "$job/start")" != "$boot" ]; then
        if [ -e "$job/ran" ]; then echo host-restarted; else echo none; fi
    elif is_alive; then echo running
    elif [ ! -e "$job/ran" ]; then
        if is_launching; then echo running; else echo none; fi
    # A process that becomes another one shows no arguments for a moment, so that it is not seen to begin.
    elif [ ! -e "$job/pids" ] && { is_launching || is_beginning; }; then echo running
    elif [ -e "$job/pids" ] && [ ! -e "$job/gone" ] && [ "$(processes)" ]; then echo running
    # It may have ended between two looks.
    elif [ -e "$job/exit" ]; then echo "ended $(cat "$job/exit")"
    elif [ -e "$job/pids" ] && [ ! -e "$job/gone" ] && [ "$(in_doubt)" ]; then echo "unknown $(in_doubt | tr '\n' ' ')"
    # It has died with its host, which says so once it is up again.
    elif [ ! -e "$job/gone" ] && is_host_stopping; then echo running
    else
        mv "$job/not-gone" "$job/gone" 2>/dev/null || true
        if [ -e "$job/left" ]; then echo "ended status=$(cat "$job/left")"; else echo vanished; fi
    fi
}

# Finds out the state of the job, `now`.
look() {
    now=$(state)
    case $now in
    unknown*) fail "$job/namespace was unmounted by somebody, so it is not known whether job $name goes on: see" \
        "\`ps -f ${now#unknown }\` on this host, end what is the job's, and type \`touch $job/gone\` there if the rest is not" ;;
    esac
}

# A job that runs although nothing is on record of it here was started with another FOLDER, or by another upgrade. Nobody may
# take it for one that does not run.
refuse_elsewhere() {
    if [ -e "$job/start" ] || ! has_systemd; then return 0; fi
    case $(systemctl show --property=ActiveState "$(unit).service" 2>/dev/null) in
    *=active | *=activating | *=deactivating | *=reloading)
        fail "the unit $(unit) runs, and $folder has no record of it: was job_folder changed?" ;;
    esac
}

# Whether the script runs, for as long as it has not said so itself.
is_beginning() { grep -qsazFx "$job/run" /proc/[0-9]*/cmdline; }

# start NAME EPOCH USER DIRECTORY OUTPUT_LIMIT INPUT_BYTES COMMAND...: INPUT_BYTES of standard input are the command's.
start() {
    name=$1 epoch=$2 user=$3 directory=$4 limit=$5 input=$6
    shift 6
    job=$folder/$name
    id "$user" >/dev/null 2>&1 || fail "there is no user $user"
    enter "$epoch"
    refuse_elsewhere
    if [ "$(state)" != none ]; then
        answer "found $(cat "$job/start")"
        return
    fi
    # A launch that was lost may only be late: it keeps its folder, in which only one of the two can run the command.
    if [ -e "$job/start" ] && [ "$(field boot "$job/start")" = "$boot" ]; then sign "$job"; else prepare "$@"; fi
    launch
    answer "started $(cat "$job/start")"
}

# record TEXT: prints a line that always takes the same room.
record() { printf '%-480s\n' "$1"; }

sign() {
    echo "epoch=$epoch boot=$boot time=$(date +%s) up=$(uptime)" >"$1/start.new"
    mv "$1/start.new" "$1/start"
}

prepare() {
    new=$job.new
    remove
    rm -rf "$new"
    mkdir "$new"
    [ "$input" = 0 ] || keep_input
    sign "$new"
    writer >"$new/write"
    script "$@" >"$new/run"
    mkfifo "$new/pipe"
    # The command may open what it has open already once more, as /dev/stdout. It need not find it by its path.
    chown "$user" "$new/pipe"
    : >"$new/output"
    : >"$new/namespace"
    for mark in ready not-writing not-cut not-drained not-signalled not-interrupted not-gone; do : >"$new/$mark"; done
    for record in pids.new left.new exit.new; do record "" >"$new/$record"; done
    keep "$new/start" "$new/run" "$new"
    mv "$new" "$job"
    keep "$folder"
    new=
}

# The input may be a secret. It stays in memory, where only root can read it, until the command has opened it.
keep_input() {
    safe=$(input_folder)
    rm -rf "$safe"
    mkdir "$safe"
    head -c "$input" >"$safe/input"
    [ "$(wc -c <"$safe/input")" -eq "$input" ] || { rm -rf "$safe"; not_now "the input of the job did not arrive"; }
    chown "$user" "$safe/input"
    input_file=$safe/input
}

# Removes what is on record of the job. sshd may have mounts of its own, and the unit those of systemd. What cannot be removed must
# not be in the way of the next job of this name.
remove() {
    nsenter --mount=/proc/1/ns/mnt umount "$job/namespace" 2>/dev/null || true
    umount "$job/namespace" 2>/dev/null || true
    rm -rf "$(input_folder)"
    rm -rf "$job" || mv "$job" "$job.removed-$(date +%s)-$$"
}

input_folder() { if [ -w /run ]; then echo "/run/cutover-input-$name"; else echo "$folder/$name.input"; fi; }

# Prints the script that copies its input to `output`, which is its output too.
writer() {
    echo "limit=$limit"
    cat <<'END'
trap '' HUP INT TERM
mv not-writing writing || exit
# Each read is written at once, so that the output can be followed.
size=0 more=yes
while [ "$more" = yes ] && [ "$size" -lt "$limit" ]; do
    left=$((limit - size))
    dd bs=$((left < 65536 ? left : 65536)) count=1 2>/dev/null || more=lost
    now=$(wc -c <output)
    [ "$more" = lost ] || [ "$now" -gt "$size" ] || more=
    size=$now
done
[ "$more" != yes ] || [ "$(dd bs=1 count=1 2>/dev/null | wc -c)" = 0 ] || more=lost
# The command must be able to go on, whatever becomes of its output.
if [ "$more" = lost ]; then mv not-cut cut; cat >/dev/null; fi
mv not-drained drained
END
}

# script COMMAND...: prints the script that runs the command.
script() {
    unit=
    if has_systemd; then unit=$(unit).service; fi
    IFS=: read -r login _ uid gid _ home shell <<END
$(getent passwd "$user")
END
    ids=
    [ "$(id -u)" = "$uid" ] || ids="--userspec=$uid:$gid --groups=$(id -G "$user" | tr ' ' ,)"
    echo "job=$(quote "$job") input=$(quote "${input_file:-/dev/null}") unit=$unit pattern=$(quote "$(printf %s "$unit" | pattern)") ids=$(quote "$ids")"
    cat <<'END'
umask 022
cd "$job" || exit 0
keep() { sync "$@" 2>/dev/null || sync; }
is_host_stopping() { [ "$unit" ] && [ "$(timeout 5 systemctl is-system-running 2>/dev/null)" = stopping ]; }
is_unit_stopping() {
    [ "$unit" ] && [ "$(timeout 5 systemctl show --property=ActiveState "$unit" 2>/dev/null)" = ActiveState=deactivating ]
}
# It begins outside of the namespace, where it leaves the writer, and goes on inside, with the writer's process id, and with what
# its processes have in common.
if [ $# = 0 ]; then
    mv ready ran 2>/dev/null || exit 0
    # A host that loses its power must not forget that this was run.
    keep .
    setsid /bin/sh write <pipe >output &
    if { unshare --uts=namespace true && nsenter --uts=namespace true; } 2>/dev/null; then
        exec nsenter --uts=namespace /bin/sh "$job/run" $! namespace
    fi
    exec /bin/sh "$job/run" $! session
fi
writer=$1 kind=$2
# The helper sends signals to the command, not to this script, which waits for the command's end and records it. Whoever
# signals this script ends everything: the host shuts down, or somebody has stopped the unit.
stopped=
trap 'stopped=yes' HUP INT TERM
# The writer has waited for somebody to open the pipe for writing. It may have been ended, so this must not wait for the writer.
exec 4<>pipe 5>pipe 4>&-
record() { printf '%-480s\n' "$1" 1<>"$2.new" && mv "$2.new" "$2"; }
exec 3<"$input"
[ "$input" = /dev/null ] || rm -f "$input"
set -- $(sed 's/.*) //' /proc/$$/stat)
session=$4
shift 10
begun=${10}
case $kind in namespace) mark=$(readlink /proc/self/ns/uts) ;; *) mark=$session ;; esac
record "$$ $begun $writer $mark" pids
# Where the processes of the unit are listed.
group=
if [ "$unit" ]; then
    path=$(sed -n "s,^[^:]*:[^:]*:\(/.*/$unit\)\$,\1,p" /proc/self/cgroup | head -n 1)
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ -z "$path" ] || [ ! -e "$hierarchy$path/cgroup.procs" ] || group=$hierarchy$path
    done
fi
# Whether processes of this job go on, and which: `found`. What this started for itself would count, so it starts nothing.
goes_on() {
    found=
    for process in /proc/[0-9]*; do
        if "is_in_$kind"; then find_one "${process#/proc/}"; fi
    done 2>/dev/null
    [ -z "$group" ] || find_in "$group"
    [ "$found" ]
}
# What has ended has no namespace any more. Where only the main thread has, the others have it.
is_in_namespace() {
    [ ! "$process/ns/uts" -ef /proc/$$/ns/uts ] || return 0
    [ ! -e "$process/ns/uts" ] || return 1
    for thread in "$process"/task/*; do
        [ ! "$thread/ns/uts" -ef /proc/$$/ns/uts ] || return 0
    done
    return 1
}
is_in_session() { look_at "$process" && [ "$its_session" = "$session" ]; }
# Finds the processes of a control group, and of those below it.
find_in() {
    while read -r pid; do find_one "$pid"; done <"$1/cgroup.procs"
    for below in "$1"/*/; do
        [ ! -e "$below/cgroup.procs" ] || find_in "${below%/}"
    done
}
# What writes the output makes a session of its own.
find_one() {
    case " $found $$ $writer " in *" $1 "*) return ;; esac
    if look_at "/proc/$1" && [ "$its_session" != "$writer" ]; then found="$found $1"; fi
}
look_at() {
    read -r line 2>/dev/null <"$1/stat" || return 1
    set -- ${line##*) }
    [ "$1" != Z ] || [ "${18}" -gt 1 ] || return 1
    its_session=$4
}
# Prints the process id and the start time of each that was found and does not end with the unit.
behind() {
    for pid in $found; do
        [ "$unit" ] && grep -Eqs "/$pattern(/|\$)" "/proc/$pid/cgroup" ||
            sed "s/.*) //; s/\([^ ]* \)\{19\}\([^ ]*\).*/$pid:\2/" "/proc/$pid/stat" 2>/dev/null
    done | head -n 20 | tr '\n' ,
}
# Version 1 of control groups has other names for it. There, the unit may have no group of its own.
memory=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
peak=$memory/memory.max_usage_in_bytes events=$memory/memory.oom_control
case $memory in
*/"${unit:-none}") ;;
*)
    memory=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
    peak=$memory/memory.peak events=$memory/memory.events
    ;;
esac
ooms() { sed -n 's/^oom_kill //p' "$events" 2>/dev/null || echo 0; }
before=$(ooms)
# Becomes a command of the job's user. No process stays in between, as one of `runuser` does, which ends the command when it gets
# a signal.
become() {
    [ -z "$ids" ] || exec chroot $ids / "$@"
    exec "$@"
}
END
    # With what systemd and `sudo` tell about the user.
    set -- /usr/bin/env "USER=$login" "LOGNAME=$login" "HOME=$home" "SHELL=$shell" \
        /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
    cat <<'END'
# What ends the unit ends the writer too, as long as that has no trap.
until [ -e writing ] || ! look_at "/proc/$writer"; do sleep 0.02; done
[ -e writing ] && [ -z "$stopped" ] && [ ! -e signalled ] || exit 0
END
    # A TERM for the script may not reach what it starts at that moment. systemd knows of it.
    printf '(! is_unit_stopping || exit 143; become '
    for word in "$@"; do quote "$word"; done
    cat <<'END'
) <&3 >&5 2>&1 3<&- 5>&-
status=$?
exec 5>&-
# Many programs say that they have succeeded when a signal ends them, so that counts only if the command has ended by itself. A host
# that shuts down may have ended what it waited for before anything else.
if is_host_stopping; then stopped=yes; fi
[ -z "$stopped" ] && [ ! -e signalled ] || mv not-interrupted interrupted
# A wrapper can be ended, by a signal for example, while what it has started goes on. That is still this job: nobody may take it
# for one that has ended, and start it again. It is not killed, because half a migration is worse than a late one. What a command
# that has succeeded leaves in the unit gets systemd's TERM, and what it leaves elsewhere is not waited for.
if { [ "$status" != 0 ] || [ -e interrupted ]; } && goes_on; then
    record "$status" left
    while [ -z "$stopped" ] && goes_on; do sleep 0.2; done
fi
# The shell returns early from its wait when a signal was caught. The command ends the pipe.
[ -e drained ] || { tries=0; while [ ! -e drained ] && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done; }
# What was ended together with this script has neither succeeded nor failed: after a shutdown the job is found to have died with
# its host, and otherwise to have vanished.
[ -z "$stopped" ] || { [ ! -e interrupted ] && [ ! -e left ]; } || exit 0
ran_out=$([ "$(ooms)" = "$before" ] || echo ' out-of-memory')
most=$(cat "$peak" 2>/dev/null || echo unknown)
goes_on || true
# On the disk before it has its name: a host that loses its power may keep the name and forget what was not there.
printf '%-480s\n' "status=$status peak=$most$ran_out behind=$(behind)" 1<>exit.new && keep exit.new && mv exit.new exit
keep .
END
}

unit() { echo "cutover-job-$name"; }

# The property with which a process that is killed for memory does not end the others. Before 243 none did, and systemd
# refuses a property that it does not know.
oom_policy() {
    version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
    if [ "${version:-0}" -ge 243 ]; then echo --property=OOMPolicy=continue; fi
}

# Of what is left in the unit, systemd kills nothing: what writes the output must live as long as anything of the job may print, and
# half a migration is worse than a late one.
# Launching a job that has run already changes nothing: the script ends when it cannot rename `ready`. A job that could not
# be launched is taken from a launch that is only late, in the same way.
launch() {
    changed=yes
    if has_systemd; then
        systemctl reset-failed "$(unit).service" 2>/dev/null || true
        if said=$(systemd-run --quiet --unit="$(unit)" --property=SendSIGKILL=no $(oom_policy) \
            --setenv=LANG=C.UTF-8 /bin/sh "$job/run" 2>&1 9>&-); then return; fi
        if mv "$job/ready" "$job/ran" 2>/dev/null; then
            remove
            said="systemd-run: $(printf %s "$said" | tr '\n' ' ')"
            case $said in
            # It does not know an option, or may not do it. Otherwise it is overloaded, or is being replaced.
            *'Unknown assignment'* | *'Access denied'* | *authenti* | *'nvalid'*) fail "$said" ;;
            *) not_now "$said" ;;
            esac
        fi
    else
        LANG=C.UTF-8 setsid /bin/sh "$job/run" </dev/null >/dev/null 2>&1 9>&- &
    fi
}

# read NAME OFFSET MAXIMUM: the state of a job, and up to MAXIMUM bytes of its output from OFFSET on.
read_job() {
    name=$1 offset=$2 maximum=$3
    job=$folder/$name
    look
    [ "$now" != none ] || { refuse_elsewhere; answer none; return; }
    size=$(wc -c <"$job/output" 2>/dev/null || echo 0)
    length=$((size - offset))
    if [ "$length" -lt 0 ]; then length=0; fi
    if [ "$length" -gt "$maximum" ]; then length=$maximum; fi
    marks=$(for mark in cut signalled interrupted; do [ ! -e "$job/$mark" ] || printf ' %s' "$mark"; done)
    left=$(status_before)
    answer "job $(cat "$job/start") size=$((size)) length=$length$marks$left go-on=$(go_on | head -n 20 | tr '\n' ,) state=$now"
    if [ "$length" -gt 0 ]; then tail -c "+$((offset + 1))" "$job/output" | head -c "$length"; fi
}

# The status of a command that has ended before what it has started.
status_before() {
    if [ -e "$job/left" ]; then echo " left=$(cat "$job/left")"
    elif [ "$now" = running ] && [ -e "$job/exit" ]; then echo " left=$(field status "$job/exit")"
    fi
}

# The processes of a job whose command has ended, one a line. A session may be that of something else by now.
go_on() {
    case $now in
    running) [ ! -e "$job/left" ] && [ ! -e "$job/exit" ] || processes | not_of_script ;;
    ended*)
        [ "$(field boot "$job/start")" = "$boot" ] || return 0
        read -r _ _ _ mark <"$job/pids" || return 0
        if is_kept; then processes | not_of_script; else behind; fi
        ;;
    esac
}

# What a command without a namespace that is known had left, as far as it still goes on.
behind() {
    [ -e "$job/exit" ] || return 0
    for process in $(field behind "$job/exit" | tr , ' '); do
        [ "$(start_time "${process%:*}")" != "${process#*:}" ] || echo "${process%:*}"
    done
}

# The processes of a job, without those that record its output and its end.
processes() {
    read -r _ _ _ mark <"$job/pids" || return 0
    {
        case $mark in
        uts:*) if is_kept || is_alive; then in_namespace; fi ;;
        *) grep -ls ") . [0-9]* [0-9]* $mark " /proc/[0-9]*/stat ;;
        esac || true
        in_unit
    } 2>/dev/null | of_command
}

in_namespace() { find /proc/[0-9]*/ns/uts $(of_threads ns/uts) -maxdepth 0 -lname "$(echo "$mark" | tr '[]' '??')"; }

# of_threads FILE: that file in /proc of each thread of the processes that have lost their main thread, and with that their own.
of_threads() {
    for pid in $(cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (.*) Z .*/\1/p'); do echo "/proc/$pid/task/[0-9]*/$1"; done
}

# Whether no other namespace gets the number of the job's, because it is mounted: here, or where systemd runs the script.
is_kept() {
    case $mark in uts:*) ;; *) return 1 ;; esac
    cat /proc/1/mountinfo /proc/self/mountinfo 2>/dev/null | grep -F " $mark " | grep -qF "/$name/namespace "
}

# The processes with the number of the job's namespace, if it may be that of another one by now.
in_doubt() {
    read -r _ _ _ mark <"$job/pids" || return 0
    case $mark in uts:*) is_kept || { in_namespace || true; } 2>/dev/null | of_command ;; esac
}

# What a command has left in its unit.
ends_with_unit() { in_unit | of_command | not_of_script; }

in_unit() { ! has_systemd || grep -lsE "/$(unit | pattern)\.service(/|\$)" /proc/[0-9]*/cgroup $(of_threads cgroup) || true; }

# A name as a pattern that means this name only.
pattern() { sed 's/[.]/\\./g'; }

# From files in /proc to process ids, without the script, what writes the output, and what has ended.
of_command() {
    read -r runner _ writer _ <"$job/pids" || return 0
    cut -d/ -f3 | sort -u | while read -r pid; do
        case $pid:$(known_of "$pid" | cut -d' ' -f4) in
        "$runner":* | "$writer":* | *:"$writer" | *:) ;;
        *) echo "$pid" ;;
        esac
    done
}

# Once the command has ended, a child of the script is none that it has left. It may have ended by now.
not_of_script() {
    read -r runner _ <"$job/pids" || return 0
    while read -r pid; do
        case $(known_of "$pid" | cut -d' ' -f2) in "$runner" | '') ;; *) echo "$pid" ;; esac
    done
}

# signal NAME EPOCH SIGNAL: sends a signal to every process of a job that runs, or to those that its command has left.
signal() {
    name=$1
    job=$folder/$name
    enter "$2"
    refuse_elsewhere
    look
    case $now in
    running) [ -e "$job/pids" ] && found=$(processes) || now= ;;
    ended*) found=$(go_on) && [ "$found" ] || now= ;;
    *) now= ;;
    esac
    if [ "$now" ]; then
        changed=yes
        mv "$job/not-signalled" "$job/signalled" 2>/dev/null || true
        for pid in $found; do kill -s "$3" "$pid" 2>/dev/null || true; done
        answer signalled
    else
        answer "not-running"
    fi
}

# collect NAME EPOCH: removes what is on record of a job that does not run.
collect() {
    name=$1
    job=$folder/$name
    enter "$2"
    look
    [ "$now" != running ] || fail "the job still runs"
    changed=yes
    remove
    if has_systemd; then systemctl reset-failed "$(unit).service" 2>/dev/null || true; fi
    answer collected
}

case $verb in
start) start "$@" ;;
read) read_job "$@" ;;
signal) signal "$@" ;;
collect) collect "$@" ;;
*) fail "unknown verb $verb" ;;
esac
