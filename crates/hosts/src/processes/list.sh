# Lists every process of this host, in parts. $1 is supervisorctl. A few programs list all processes together, because a host
# under load has hundreds; and only what is needed is printed, because it may have thousands.
[ -r /proc/1/environ ] || { echo 'the environment of processes can be read only by root' >&2; exit 77; }

# The process that supervisor says is its own, or else those that are called like it; and their units of systemd.
pid=$(timeout 5 "$1" pid 2>/dev/null)
case $pid in *[!0-9]*) pid= ;; esac
called() { grep -slaxz '\(.*/\)*supervisord' /proc/[0-9]*/cmdline | tr -dc '0-9\n'; }
units=$(for each in ${pid:-$(called)}; do
    sed -n 's/^[0-9]*:\(name=systemd\)*:.*\/\([^/]*\.service\).*/\2/p' "/proc/$each/cgroup"
done 2>/dev/null)
supervisor() {
    [ ! -d /run/systemd/system ] || echo systemd
    echo "pid $pid"
    sed 's/^/boot /' /proc/sys/kernel/random/boot_id
    [ -z "$units" ] || systemctl show -p MainPID $units
}

# The environments of threads whose process has lost its main thread, and with that its own environment.
of_threads() {
    for pid in $(cat /proc/[0-9]*/stat | sed -n 's/^\([0-9]*\) (.*) Z .*/\1/p'); do echo "/proc/$pid/task/[0-9]*/environ"; done
}
# The variable of grep's own shows that environments can be read, also where no program runs.
environments() {
    LISTED=yes grep -saz '^SUPERVISOR_[GP][A-Z]*_NAME=\|^LISTED=' /proc/self/environ /proc/[0-9]*/environ $(of_threads)
}
stats() { cat /proc/[0-9]*/stat; }
# Those of containers, and for comparison the own one.
namespaces() {
    own=$(readlink /proc/self/ns/pid)
    number=$(echo "$own" | tr -dc 0-9)
    find /proc/self/ns/pid /proc/[0-9]*/ns/pid -maxdepth 0 \
        \( -path '/proc/self/*' -o ! -lname "pid:?$number?" \) -printf '%p %l\n'
}
# Those of supervisor's units, of every unit that is called like it, and of sessions and other scopes, which programs can enter.
control_groups() {
    scopes
    sessions
    grep -s -e '^[0-9]*:\(name=systemd\)*:.*\.scope' -e "$(printf '^[0-9]*:\(name=systemd\)*:.*/%s\n' $(echo supervisor $units | tr '\\' .))" /proc/[0-9]*/cgroup
}
once() { awk '!seen[$0]++'; }
# Scopes with the inodes of their control groups: a later scope of the same name has another one.
scopes() {
    paths=$(sed -n -e '/^[0-9]*:\(name=systemd\)*:.*\.scope/!d' -e 's/^[0-9]*:\(name=systemd\)*://' -e 's|\.scope/.*|.scope|' -e p \
        /proc/[0-9]*/cgroup | once)
    [ -n "$paths" ] || return 0
    for root in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        find $(echo "$paths" | sed "s|^|$root|") -maxdepth 0 -printf 'scope %i %p\n' | sed "s| $root/| /|"
    done
}
# The processes in sessions of logind's that have no audit session of the kernel's, and what logind tells of all sessions with
# processes.
sessions() {
    inside=$(grep -ls ':/user\.slice/.*/session-[^/]*\.scope' /proc/[0-9]*/cgroup)
    [ -n "$inside" ] || return 0
    grep -lsx 4294967295 $(echo "$inside" | sed 's/cgroup$/sessionid/') | sed 's|^/proc/\([0-9]*\)/.*|no-audit \1|'
    ids=$(sed -n 's|.*/session-\([^/]*\)\.scope.*|\1|p' $inside | once)
    # One that hangs is not waited for again.
    for id in $ids; do
        told=$(timeout 5 loginctl show-session -p Name -p Service -p Remote -p Audit -p Timestamp "$id")
        [ $? != 124 ] || return 0
        echo "$told" | sed "s/^/session $id /"
    done
}
commands() { head -v -c 160 /proc/[0-9]*/cmdline; }

# Each variable on a line of its own, whatever its value contains, and as one of its process.
variables() { tr '\n\0' ' \n' | sed 's|^\(/proc/[0-9]*\)/task/[0-9]*/|\1/|'; }
words() { tr '\0' ' '; }
# The process id, the name, the state, the parent, the process group, and when it began. What has ended and waits for its parent
# is left out, unless it has threads that go on.
fields() {
    sed -n -e '/^[0-9]* (.*) [ZX] \([^ ]* \)\{16\}[01] /d' -e '/^status /p' \
        -e 's/^\([0-9]* (.*) [^ ]* [^ ]* [^ ]*\) \([^ ]* \)\{16\}\([^ ]*\).*/\1 \3/p'
}

# part NAME FILTER COMMAND: a part of the list. Its last line has the status of the command: one that was killed has not listed
# everything. That some files are gone is no failure, because processes end meanwhile.
part() {
    printf '\n@%s\n' "$1"
    { "$3" 2>/dev/null; printf '\0\nstatus %s\0\n' "$?"; } | "$2"
}
part supervisor words supervisor
part environ variables environments
part stat fields stats
part namespace words namespaces
part cgroup words control_groups
part cmdline words commands
printf '\n@end\n'
