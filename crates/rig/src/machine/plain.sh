# Keeps one plain machine: starts it, and ends it with everything that belongs to it when standard input ends, as it does when the
# process that wants the machine is gone, however it ended.
#
#   unshare --mount sh -c KEEPER keeper ROOT FURNITURE SIZE CONSOLE INIT ADDRESS PORT [FOLDER PATH]...
#
# ROOT is the folder with the system that all machines share; each has a layer of SIZE over it, in memory. The files in
# FURNITURE are put into it, and each FOLDER is to be read at its PATH. INIT is the script of its first process, whose id is
# written to FURNITURE.first. The mounts are seen only by this process and its children. Standard output is the lock of the
# network, which is kept until the end.
set -eu
root=$1 furniture=$2 size=$3 console=$4 init=$5 address=$6 port=$7
shift 7
exec 3<&0 4>&1 >>"$console" 2>&1 </dev/null
cd /

mount -t tmpfs -o "size=$size,mode=755" rig /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay rig -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
cp -a --no-preserve=ownership "$furniture/." /mnt/root/
mount --rbind /dev /mnt/root/dev
while [ "$#" -gt 0 ]; do
    mkdir -p "/mnt/root$2"
    mount --bind "$1" "/mnt/root$2"
    mount -o remount,bind,ro "/mnt/root$2"
    shift 2
done

# All processes end with the first one, and that one with this, even if this is killed.
setpriv --pdeathsig KILL unshare --uts --ipc --pid --fork --kill-child --root=/mnt/root /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /bin/sh -c "$init" init "$address" "$port" 3<&- 4>&- &
running=$!
end() {
    [ -z "$running" ] || kill -s KILL "$running" 2>/dev/null || true
    [ -z "$running" ] || wait "$running" 2>/dev/null || true
    exit 0
}
trap end TERM
{ cat <&3 >/dev/null; kill -s TERM $$; } 4>&- &
exec 3<&-
until first=$(pgrep -P "$running"); do kill -0 "$running"; done
echo "$first" >"$furniture.first"
wait "$running" || echo "its first process has ended with $?"
# Its number may soon be that of another process, which `end` must not kill.
running=
end
