# Holds cron files and systemd timers back, puts them back, or tells how they are.
# $1 is `state`, `hold` or `put-back`, $2 the root of the host's files. The others are what is held back: a path is a cron
# file, anything else a timer. Each order may be given again at any time.
verb=$1 root=${2%/}
units=$root/etc/systemd/system
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

# The scope of systemd that a process is in, such as `session-c1.scope`. What a user's own systemd runs is in none of these.
scope_of() { sed -n -e '/\.service/d' -e 's/^[0-9]*:\(name=systemd\)*:.*\/\([^/]*\.scope\).*/\2/p' "/proc/$1/cgroup" 2>/dev/null | head -n 1; }

# The kernel's audit session of a process; nothing if it has none. PAM begins one for each login and for each job of cron
# (pam_loginuid). Everything that is started in it stays in it, also in sessions of `su -` and in other scopes. What systemd starts
# has none.
audit_session_of() { grep -vsx '0\|4294967295' "/proc/$1/sessionid"; }

# Whether somebody has signed in with an audit session, as logind tells. A session of logind's that a job has opened has the same
# number, and the name of the PAM service that the job went through.
is_login() {
    service=$(timeout 5 loginctl show-session -p Service "$1" 2>/dev/null | sed -n 's/^Service=//p')
    case $service in
    '' | cron | crond | su | su-l | runuser | runuser-l | sudo | sudo-i) return 1 ;;
    esac
}

# Whether a process without parents is left of a job that went through a session of its own, as with `su -`, or another scope.
is_left_in_scope() {
    [ "$(scope_of "$1")" ] || return 1
    session=$(audit_session_of "$1") && ! is_login "$session"
}

# What may be a job of cron or anacron: each process id, and how it is related to them. `first` is what they have started, and
# `later` what that has started. The parent of the others has ended: `left` is in cron's own service or in a scope that a job
# has entered, and `loose` in no service, or in one of systemd-run's.
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
            '') if is_left_in_scope "$pid"; then relation=left; fi ;;
            cron.service | crond.service | anacron.service) relation=left ;;
            # systemd-run has made it, perhaps for a job.
            run-*.service) ;;
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
        NR == 1 { name = $0; is_shell = /(^|[\/])(sh|bash|dash|ksh|zsh|perl|php|ruby|node|python[0-9.]*)$/ }
        NR == 2 && is_shell { if ($0 == "-c") line = 1; else if ($0 !~ /^-/) name = $0 }
        NR == 3 && line { name = $0 }
        END { print name }'
}

# The words of each line of shell that is read, between single spaces. Comments, quotes and backslashes are left out, and what
# separates commands is a word of its own. A comment may begin anywhere in a line, and never goes on in the next one.
words() {
    sed -E -e 's/(^|[[:space:];&|(])#.*/\1/' -e 's/[;&|(){}<>`]+/ ; /g' -e "s/[\"'\\\\]//g" -e 's/^|[[:space:]]+|$/ /g' -e 's/  +/ /g'
}

# Whether cron and run-parts read a file of this name in a folder. They do not if it has a dot, such as a copy, what a package
# has left behind, and what is held back. (Some crons read `name.conf`. What only that explains is waited for.)
is_read() {
    case ${1##*/} in *[!A-Za-z0-9_-]*) return 1 ;; esac
    [ -f "$1" ]
}

# The tables of cron and anacron. cron reads no table of the system that somebody else may write to, and of users' tables those
# that are called like a user.
tables() {
    for table in "$root/etc/crontab" "$root/etc/anacrontab" "$root"/etc/cron.d/*; do
        if is_read "$table" && [ -O "$table" ] && [ ! "$(find -L "$table" -maxdepth 0 -perm /022)" ]; then echo "$table"; fi
    done
    # Debian, SUSE and Red Hat.
    for folder in crontabs tabs .; do
        [ -d "$root/var/spool/cron/$folder" ] || continue
        for table in "$root/var/spool/cron/$folder"/*; do
            if is_read "$table" && id -u "${table##*/}" >/dev/null 2>&1; then echo "$table"; fi
        done
        break
    done
}

# The words of all jobs that cron and anacron may start. What follows a `%` is the input of a job. No line goes on in the next.
jobs_of_tables() {
    tables | while read -r table; do
        sed -n -E -e 's/^(([^%\\]|\\.)*)%.*/\1/' -e '/^[[:space:]]*[0-9*@]/p' "$table"
    done | words
}

# The scripts in the folders of which jobs run all, each after its own path.
scripts_of_folders() {
    grep 'run-parts ' | tr ' ' '\n' | while read -r folder; do
        case $folder in /?*) ;; *) continue ;; esac
        for script in "$root$folder"/*; do
            if is_read "$script" && [ -x "$script" ]; then
                echo "${script#"$root"}"
                cat "$script"
            fi
        done
    done | words
}

# Whether another job of cron contains the whole command line of a process, or the path by which it is called.
is_of_another_file() {
    jobs=$(jobs_of_tables)
    others="$jobs
$(echo "$jobs" | scripts_of_folders)"
    line=$(tr '\0\n' '  ' 2>/dev/null <"/proc/$1/cmdline" | words)
    case $2 in */*) path=$(echo "$2" | words) ;; *) path=$line ;; esac
    for wanted in "$line" "$path"; do
        case $wanted in *[!\ ]*) ;; *) continue ;; esac
        case $others in *"$wanted"*) return 0 ;; esac
    done
    return 1
}

# A running job of the file: what cron has started goes on when the file is held. A job is known by the text of the file, and
# a script in a folder such as /etc/cron.daily by its path. Versions of the file that were written again may have jobs, too. What
# is left of a job, and is in no other file, may be of this one.
job_of_file() {
    unquoted=$(cat "$2" "$2".[0-9]* 2>/dev/null | tr -d "\"'\\\\" | sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*[A-Za-z_0-9]*[[:space:]]*=/d')
    own=$(echo "$unquoted" | words)
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
        first:*"$name"* | left:*"$name"* | loose:*"$name"*) ;;
        *) is_job_by_path "$pid" "$relation" "$name" "$1" || continue ;;
        esac
        printf '%s' "$name" | tr '\n' ' ' | cut -c1-60
        break
    done
}

# is_job_by_path PID RELATION NAME FILE: whether a process is of a file that does not contain what it is called. The file may
# be the script itself, or call it by another path, such as `$HOME/bin/nightly` or one that is found by PATH.
is_job_by_path() {
    if [ "$3" = "$4" ]; then return 0; fi
    case $2 in
    left) ;;
    first) case $own in *[/\ ]"${3##*/} "*) ;; *) return 1 ;; esac ;;
    *) return 1 ;;
    esac
    ! is_of_another_file "$1" "$3"
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

# Whether a control group of systemd has a process, or one beneath it has.
has_processes() {
    [ "$1" ] || return 1
    sed -n 's/^[0-9]*:\(name=systemd\)*://p' /proc/[0-9]*/cgroup 2>/dev/null | group=$1 awk '
        $0 == ENVIRON["group"] || index($0, ENVIRON["group"] "/") == 1 { found = 1 }
        END { exit !found }'
}

# Whether a service has work: `some` or `none`. An inactive one may have a job, with which systemd starts it once what is
# ordered before it has ended. Both are asked at once, since a job may begin between two questions. One that has exited may
# stay active, and both kinds may have left processes behind.
work_of() {
    systemctl show -p ActiveState -p SubState -p Job -p ControlGroup "$1" 2>/dev/null | awk '
        { name = $0; sub(/=.*/, "", name); told[name] = substr($0, length(name) + 2) }
        END {
            if (told["ActiveState"] == "") exit
            idle = told["ActiveState"] ~ /^(inactive|failed)$/ || told["SubState"] == "exited"
            print (idle && told["Job"] + 0 == 0 ? "idle" : "busy"), told["ControlGroup"]
        }' | while read -r work group; do
        if [ "$work" = busy ] || has_processes "$group"; then echo some; else echo none; fi
    done
}

# Whether a timer is masked for good. A mask of systemd's run time ends when the host is restarted.
is_masked() {
    learn LoadState "$1" && [ "$learned" = masked ] && learn UnitFileState "$1" && [ "$learned" = masked ]
}

state_of_timer() {
    learn LoadState "$1" || return 1
    load=$learned
    if [ "$load" = not-found ]; then echo "missing $1"; return; fi
    learn Transient "$1" || return 1
    if [ "$learned" = yes ]; then echo "transient $1"; return; fi
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

# Whether a timer is there again after it is stopped: systemd forgets one that systemd-run has made.
outlives_stop() {
    learn Transient "$1" || return 1
    [ "$learned" = no ] || { echo "$1 was made by systemd-run, and would be lost" >&2; return 1; }
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

if [ "$verb" = hold ]; then
    for item in "$@"; do
        case $item in /*) ;; *) outlives_stop "$item" || exit 1 ;; esac
    done
fi
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
