#!/bin/sh
# Every program that a chore starts, by the name of this file. Each prints something, as the real ones do.
name=${0##*/}
own=${0%/*}
PATH=/usr/bin:/bin
for last; do :; done
case "$name $*" in
'id '*) echo 0; exit ;;
'sh '*) exit ;;
'git '*) echo 'git version 2.47.3'; exit ;;
'cargo run '*) echo '{"outcome":"succeeded"}'; exit ;;
'python'*' -c '*) echo /packages/celery; exit ;;
'python3 -m venv '*) mkdir -p "$last/bin" && ln -s "$own/python3" "$last/bin/python" ;;
'apt-get install '*)
    for program in git git-lfs sshd ssh ssh-keygen chromium systemd-nspawn debootstrap ip nft nsenter; do
        ln -s "$own/apt-get" "$own/$program"
    done
    ;;
'debootstrap '*)
    mkdir -p "$last/etc/systemd/system/multi-user.target.wants"
    : >"$last/etc/systemd/system/multi-user.target.wants/nginx.service"
    ;;
esac
echo "$name prints this"
