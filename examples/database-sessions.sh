#!/bin/sh
# Prints a line for each session on a MariaDB or MySQL server that a migration may have to wait for, with its owner, and nothing
# if there is none. This is a `sessions_command` for the deployment file:
#
#   sessions_command = ["/edx/bin/database-sessions", "/edx/etc/database-sessions.cnf", "datadog", "backup"]
#
# The first argument is a file for the client, with `host`, `user` and `password` under [client], that only the user who runs
# this can read. That user of the database needs the privilege PROCESS, without which it would see only its own sessions. The other
# arguments are users of the database whose sessions may remain as long as they have no transaction open and hold no lock.
#
# Locks on tables are named where the server tells them: with MariaDB's plugin `metadata_lock_info`, or with performance_schema
# if that user may read it. Without either, the sessions themselves are named all the same.
set -eu

settings=$1
shift
harmless=
for name; do
    case $name in
        *[!A-Za-z0-9_.-]*) echo "$0: not the name of a database user: $name" >&2; exit 64 ;;
    esac
    harmless=$harmless,$name
done
client=$(command -v mariadb || command -v mysql) || { echo "$0: there is no mariadb and no mysql client" >&2; exit 127; }

# All of it in one connection, which leaves itself out: one of before might still be listed.
"$client" --defaults-extra-file="$settings" --connect-timeout=10 --batch --raw --skip-column-names --execute="
SET sql_mode = '', time_zone = 'SYSTEM', @own = CONNECTION_ID(), @harmless = '$harmless';

-- InnoDB renews its list of transactions only when nobody has read it for a tenth of a second.
DO SLEEP(0.2);

-- The server's own threads hold up nothing.
SET @is_session = \"p.id <> @own AND p.user NOT IN ('system user', 'event_scheduler', 'rdsadmin')
    AND p.command NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID')\";
SET @sessions = CONCAT(\"
    SELECT CONCAT('id ', p.id, ' ', p.user, '@', p.host, ' ', p.command, ' ', p.time, ' s',
        IFNULL(CONCAT(', transaction open for ', TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), ' s'), ''))
    FROM information_schema.processlist p
    LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
    WHERE \", @is_session, \" AND (t.trx_id IS NOT NULL OR NOT FIND_IN_SET(p.user, @harmless))
    ORDER BY p.id\");
PREPARE sessions FROM @sessions;
EXECUTE sessions;

-- One that was prepared (XA) keeps its locks without a session, and after a restart of the server.
SELECT CONCAT('transaction ', trx_id, ' of no session, open for ', TIMESTAMPDIFF(SECOND, trx_started, NOW()),
    ' s: XA RECOVER tells whether it was prepared')
FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = 0;

-- A table or view of performance_schema is listed only for those who may read it.
SET @plugin = (SELECT COUNT(*) FROM information_schema.plugins
    WHERE plugin_name = 'METADATA_LOCK_INFO' AND plugin_status = 'ACTIVE');
SET @schema = @@performance_schema AND (SELECT COUNT(*) FROM information_schema.tables
    WHERE table_schema = 'performance_schema' AND table_name IN ('metadata_locks', 'threads')) = 2;
SET @locks = IF(@plugin, \"
    SELECT DISTINCT l.thread_id AS id, l.table_schema AS of_schema, l.table_name AS of_table
    FROM information_schema.metadata_lock_info l WHERE l.table_name <> ''\",
    IF(@schema, \"
    SELECT DISTINCT t.processlist_id AS id, l.object_schema AS of_schema, l.object_name AS of_table
    FROM performance_schema.metadata_locks l JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
    WHERE l.object_type = 'TABLE' AND l.lock_status = 'GRANTED'\", 'SELECT 0 AS id, NULL AS of_schema, NULL AS of_table'));
SET @locked = CONCAT(\"
    SELECT CONCAT('id ', p.id, ' ', p.user, '@', p.host, ' holds a lock on ',
        GROUP_CONCAT(DISTINCT l.of_schema, '.', l.of_table ORDER BY 1 SEPARATOR ', '))
    FROM (\", @locks, \") l JOIN information_schema.processlist p ON p.id = l.id
    WHERE \", @is_session, \" GROUP BY p.id, p.user, p.host ORDER BY p.id\");
PREPARE locked FROM @locked;
EXECUTE locked;
"
