# Prints what would be in the way of a conductor on this host: a line for each fact, `end` last. Changes nothing.
# $1 is a script that looks at supervisor's files, $2 supervisorctl, $3 the users besides root that commands run as, $4 the folder of
# jobs. The others are the programs that
# are called; `systemd:PROGRAM` is called only where systemd runs. After `--` follow commands: the user, the folder (empty for any) and the program of each.
files=$1 supervisorctl=$2 users=$3 jobs=$4
shift 4
echo "clock $(date +%s)"

last_line() { printf %s "${1##*"$newline"}"; }
newline='
'

# as USER COMMAND...: runs a command in the way in which every command for another user is run.
as() {
    user=$1
    shift
    if [ "$(id -un)" = "$user" ]; then "$@"
    elif [ "$(id -u)" = 0 ]; then runuser -u "$user" -- "$@"
    else sudo -n -H -u "$user" -- "$@"
    fi
}

# Warnings are no refusal, such as one that the host's own name cannot be resolved.
if said=$(as root /bin/sh -c true 2>&1); then is_root=yes; else is_root=; fi
echo "sudo ${is_root:-$(last_line "$said")}"
for other in $users; do
    said=$(as "$other" /bin/sh -c true 2>&1) || echo "refused $other: $(last_line "$said")"
done

# in_shell SCRIPT ARGUMENT...: as root, like almost everything in the window, if that is possible.
in_shell() { if [ "$is_root" ]; then as root /bin/sh -c "$@"; else /bin/sh -c "$@"; fi; }

for need in "$@"; do
    case $need in
    --) break ;;
    systemd:*) [ -d /run/systemd/system ] || continue ;;
    esac
    echo "${need#systemd:}"
done | in_shell 'while read -r need; do command -v "$need" >/dev/null 2>&1 || echo "missing $need"; done' check 2>/dev/null

while [ "$1" != -- ]; do shift; done
shift
while [ "$#" -ge 3 ]; do
    # A user who cannot be reached is told above.
    said=$(as "$1" /bin/sh -c 'if [ "$1" ] && ! cd "$1" 2>/dev/null; then echo folder
        elif ! command -v "$2" >/dev/null; then echo program; fi' check "$2" "$3" 2>/dev/null)
    case $said in
    folder) echo "absent the folder $2 (for $1)" ;;
    program) echo "absent $3 (for $1${2:+ in $2})" ;;
    esac
    shift 3
done

# The highest epoch of a conductor of this upgrade that has written here.
echo "epoch $(in_shell '[ -e "$1/epoch" ] || { echo none; exit; }
    cat "$1/epoch"' check "$jobs" 2>/dev/null)"

# The folder of jobs is made when it is needed, in the first folder above it that exists.
jobs=$(in_shell 'folder=$1
    while [ "$folder" ] && [ ! -e "$folder" ]; do folder=${folder%/*}; done
    echo "${folder:-/}"' check "$jobs" 2>/dev/null)
said=$(in_shell '[ -d "$1" ] || { echo "$1 is no folder"; exit; }
    [ -w "$1" ] || echo "$1 cannot be written to"' check "$jobs" 2>/dev/null)
echo "job-folder ${said:-yes}"

# A program that is not installed is told above.
said=$(in_shell '! command -v unshare >/dev/null || unshare --uts --mount true' check 2>&1) || echo "no-namespaces $(last_line "$said")"

if in_shell 'command -v "$1" >/dev/null 2>&1' check "$supervisorctl" 2>/dev/null; then
    status=0
    said=$(in_shell 'timeout 10 "$1" version' check "$supervisorctl" 2>&1) || status=$?
    [ "$status" != 124 ] || said='it does not answer within 10 s'
    echo "supervisor $(last_line "$said")"
    # What does not answer would not answer that either, and the whole question has a limit.
    [ "$status" = 124 ] || in_shell "$files" check "$supervisorctl" 2>/dev/null
else
    echo "supervisor-missing $supervisorctl"
fi

df -Pk / /run /tmp /var /var/lib "$jobs" 2>/dev/null | while read -r device _ _ free _ mount; do
    case $free in *[!0-9]*) ;; *) echo "free $free $mount" ;; esac
done

# unattended-upgrades.service is not among them: it runs all the time, and only waits for the host's shutdown.
for agent in apt-daily-upgrade.timer chef-client.service puppet.service salt-minion.service; do
    [ "$(systemctl is-active "$agent" 2>/dev/null)" = active ] && echo "agent $agent"
done
in_shell 'grep -ls ansible-pull /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/*' check 2>/dev/null |
    while read -r file; do echo "agent ansible-pull in $file"; done
echo end
