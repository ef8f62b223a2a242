"""Prints a line for each session of the site on the database, with its owner. Those of root are the tests' own."""

from django.core.management.base import BaseCommand
from django.db import connection

SESSIONS = """
    SELECT p.id, p.user, p.host, p.command, p.time, TIMESTAMPDIFF(SECOND, t.trx_started, NOW())
    FROM information_schema.processlist p
    LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
    WHERE p.id <> CONNECTION_ID() AND p.user NOT IN ('system user', 'event_scheduler', 'root')
    ORDER BY p.id
"""


class Command(BaseCommand):
    def handle(self, **options):
        with connection.cursor() as cursor:
            cursor.execute(SESSIONS)
            for number, user, host, command, seconds, open_for in cursor.fetchall():
                transaction = "" if open_for is None else f", transaction open for {open_for} s"
                self.stdout.write(f"id {number} {user}@{host} {command} {seconds} s{transaction}")
