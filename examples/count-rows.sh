#!/bin/sh
# Counts the rows of tables on a MariaDB or MySQL server. This is a `count_rows_command` for the deployment file:
#
#   count_rows_command = ["/edx/bin/count-rows", "/edx/etc/count-rows.cnf", "5000000"]
#   tables = ["edxapp.auth_user", "edxapp.courseware_studentmodule"]
#
# The first argument is a file for the client, with `host`, `user` and `password` under [client], that only the user who runs
# this can read. That user of the database needs the privilege SELECT on the tables. The tables follow as the last arguments.
#
# The second argument is the largest table that is really counted. For one that is larger by the server's estimate, only the
# estimate is printed, with `~` before it: it may be wrong by half, so it shows how large a table is and not that rows are missing.
# Counting reads a whole index: some seconds for a million rows that are not in memory. The server ends a count after 60 seconds:
# it would go on although nobody waits for it any more, and hold a lock on the table that a migration would wait for.
set -eu

settings=$1 largest=$2
shift 2
case $largest in
    '' | *[!0-9]*) echo "$0: not a number of rows: $largest" >&2; exit 64 ;;
esac
client=$(command -v mariadb || command -v mysql) || { echo "$0: there is no mariadb and no mysql client" >&2; exit 127; }
ask() {
    "$client" --defaults-extra-file="$settings" --connect-timeout=10 --batch --raw --skip-column-names --execute="$1"
}

# MariaDB and MySQL each run the comment that is theirs.
limited="SET /*M! max_statement_time = 60, */ /*!50708 max_execution_time = 60000, */ @is_limited = 1"
# Otherwise MySQL 8 tells an estimate that it has kept for up to a day, so the rows before and after a migration would be the same.
current="SET /*!80000 information_schema_stats_expiry = 0, */ @is_current = 1"

for name; do
    case $name in
        *[!A-Za-z0-9_.-]* | *.*.* | .* | *.) echo "$0: not SCHEMA.TABLE: $name" >&2; exit 64 ;;
        *.*) ;;
        *) echo "$0: not SCHEMA.TABLE: $name" >&2; exit 64 ;;
    esac
    schema=${name%%.*} table=${name#*.}
    estimate=$(ask "$current; SELECT IFNULL(table_rows, 0) FROM information_schema.tables
        WHERE table_schema = '$schema' AND table_name = '$table'")
    if [ -z "$estimate" ]; then
        rows=-
    elif [ "$estimate" -gt "$largest" ]; then
        rows="~$estimate"
    else
        rows=$(ask "$limited; SELECT COUNT(*) FROM \`$schema\`.\`$table\`")
    fi
    printf '%s\t%s\n' "$name" "$rows"
done
