# Prints what would be in the way of a conductor on this host: a line for each fact, `end` last. Changes nothing.
# $1 is supervisorctl.
echo "clock $(date +%s)"
# root needs no sudo, and often has none.
if [ "$(id -u)" = 0 ]; then sudo=; else sudo='sudo -n'; fi
echo "sudo $($sudo true 2>&1 && echo yes)" | tr '\n' ' '; echo
for program in timeout setsid flock od; do
    command -v "$program" >/dev/null 2>&1 || echo "missing $program"
done
if [ -x "$1" ] || command -v "$1" >/dev/null 2>&1; then
    status=0
    said=$(timeout 10 $sudo "$1" version 2>&1) || status=$?
    [ "$status" != 124 ] || said='it does not answer within 10 s'
    echo "supervisor $(echo "$said" | tail -n 1)"
else
    echo "supervisor-missing $1"
fi
df -Pk / /var /tmp 2>/dev/null | awk 'NR > 1 { print "free", $4, $6 }' | sort -u
for agent in apt-daily-upgrade.timer unattended-upgrades.service chef-client.service puppet.service salt-minion.service; do
    [ "$(systemctl is-active "$agent" 2>/dev/null)" = active ] && echo "agent $agent"
done
grep -ls ansible-pull /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/* 2>/dev/null | while read -r file; do
    echo "agent ansible-pull in $file"
done
echo end
