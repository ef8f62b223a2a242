# The first process of a plain machine, which stands in for systemd: it starts what the file rc.plain says, supervisor and sshd, and
# waits for orphans. $1 is the machine's address, $2 the port of sshd.
mount -t proc proc /proc
hostname --file /etc/hostname
mkdir -p /run/sshd
[ ! -x /etc/rc.plain ] || /etc/rc.plain
supervisord --nodaemon --configuration /etc/supervisor/supervisord.conf >/dev/null 2>&1 &
# There is no logind that PAM could tell of sessions.
/usr/sbin/sshd -D -e -o "ListenAddress=$1:$2" -o UsePAM=no &
while :; do
    wait
    sleep 0.1
done
