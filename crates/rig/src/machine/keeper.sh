# Keeps one machine: boots it, boots it again when it has restarted, and ends it with everything that belongs to it when
# standard input ends, as it does when the process that wants the machine is gone, however it ended.
#
#   unshare --mount sh -c KEEPER keeper ROOT FURNITURE BRIDGE MACHINE SIZE CONSOLE [OPTION]...
#
# ROOT is the folder with the system that all machines share, after the layers of an image if there are any (FOLDER:FOLDER:ROOT);
# each machine has a layer of SIZE over it, in memory. The files in FURNITURE are put into it before the first boot. The mounts are
# seen only by this process and its children. Standard output is the lock of the network: it is kept until the end, so that no other
# process makes a machine of the same name. The OPTIONs are for systemd-nspawn. A machine that was powered off keeps its layer until
# the end, and FURNITURE.off says that it is down.
set -eu
root=$1 furniture=$2 bridge=$3 machine=$4 size=$5 console=$6
shift 6
exec 3<&0 4>&1 >>"$console" 2>&1 </dev/null
cd /

hierarchies() {
    for folder in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        [ ! -e "$folder/cgroup.procs" ] || echo "$folder"
    done
}

mount -t tmpfs -o "size=$size,mode=755" rig /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay rig -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
cp -a --no-preserve=ownership "$furniture/." /mnt/root/
for folder in $(hierarchies); do
    mkdir -p "$folder/$machine"
    echo $$ >"$folder/$machine/cgroup.procs"
done

# The kernel takes its time to remove the interface of a machine that has ended, and the next one has the same name.
unplug() { ip link delete "vb-$machine" 2>/dev/null || true; }

# The machine's processes are all in its first process's namespace, and end with that. systemd-nspawn ends then too.
processes() {
    for folder in $(hierarchies); do find "$folder/$machine/payload" -name cgroup.procs -exec cat {} + 2>/dev/null; done
}

end() {
    trap '' TERM
    for folder in $(hierarchies); do echo $$ >"$folder/cgroup.procs"; done
    tries=0
    while [ "$tries" -lt 100 ]; do
        for process in $(processes) $running; do kill -s KILL "$process" 2>/dev/null || true; done
        left=
        for folder in $(hierarchies); do
            find "$folder/$machine" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ ! -e "$folder/$machine" ] || left=yes
        done
        [ "$left" ] || break
        tries=$((tries + 1))
        sleep 0.05
    done
    unplug
    exit 0
}
running=
trap end TERM
{ cat <&3 >/dev/null; kill -s TERM $$; } 4>&- &
wanted=$!
exec 3<&-

# 133 says that the machine has restarted. The file says that it was killed in order to be started again.
status=133
while [ "$status" = 133 ]; do
    unplug
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --directory=/mnt/root --boot \
        --network-bridge="$bridge" --machine="$machine" --register=no --keep-unit "$@" 4>&- &
    running=$!
    status=0
    wait "$running" || status=$?
    # Its number may soon be that of another process, which `end` must not kill.
    running=
    if rm "$furniture.reset" 2>/dev/null; then status=133; fi
done
echo "systemd-nspawn has ended with $status"
if [ "$status" = 0 ]; then
    : >"$furniture.off"
    wait "$wanted"
fi
end
