#!/usr/bin/env python3
"""Runs a command while it holds a lock of the database server. It is meant for `lock_command` in the deployment file.

    migration-lock.py DATABASE COMMAND [ARGUMENT]...

DATABASE is a key of Django's DATABASES, such as `default`. Run it in the folder of manage.py, with the site's Python and
DJANGO_SETTINGS_MODULE as for manage.py. Each schema has a lock of its own.

It ends as the command does. If somebody else has the lock, it names who, runs nothing, and ends with exit status 75. MySQL and
MariaDB take a lock back when its connection ends, so nothing is left of this program after a crash. A command that is told to
work without the lock is not stopped by it: everybody who migrates has to use it.
"""

import os
import subprocess
import sys
import warnings

sys.path.insert(0, os.getcwd())

from django.db import DatabaseError, connections

# Only connections are needed here, and loading all applications would take a large site half a minute.
warnings.filterwarnings("ignore", message="Accessing the database during app initialization")

TAKEN = 75
"""What sysexits.h calls a temporary failure."""

PAUSE_SECONDS = 60
"""Between two looks at the lock. Servers end connections that are silent for some hours (`wait_timeout`)."""


def main(database, *command):
    connection = connections[database]
    lock = f"migrate {connection.settings_dict['NAME']}"[:64]
    if ask(connection, "SELECT GET_LOCK(%s, 0)", lock) != 1:
        print(f"{holder(connection, lock)} has the lock '{lock}'; nothing was run", file=sys.stderr)
        return TAKEN
    process = subprocess.Popen(command)
    is_told = False
    while True:
        try:
            status = process.wait(PAUSE_SECONDS)
            # A shell's status for a command that a signal has ended.
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            if not is_told and not is_held(connection, lock):
                is_told = True
                print(f"the lock '{lock}' is lost; the command goes on, so start no other one", file=sys.stderr)


def ask(connection, question, *values):
    """The first column of the first row of the answer."""
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        row = cursor.fetchone()
    return row and row[0]


def is_held(connection, lock):
    try:
        return ask(connection, "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", lock) == 1
    except DatabaseError:
        return False


def holder(connection, lock):
    """Who has the lock. Other users' connections are shown only to those who may see them (`PROCESS`)."""
    number = ask(connection, "SELECT IS_USED_LOCK(%s)", lock)
    who = "SELECT CONCAT(user, '@', host) FROM information_schema.processlist WHERE id = %s"
    return f"{ask(connection, who, number) or 'somebody'} (connection {number})"


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: migration-lock.py DATABASE COMMAND [ARGUMENT]...")
    sys.exit(main(*sys.argv[1:]))
