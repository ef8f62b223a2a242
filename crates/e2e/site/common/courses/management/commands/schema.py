"""Prints what the schema of a database consists of, with the query that the examples have for it."""

from pathlib import Path

from django.core.management.base import BaseCommand
from django.db import connections

QUERY = Path(__file__).parents[3] / "schema.sql"


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--database", default="default")

    def handle(self, *, database, **options):
        with connections[database].cursor() as cursor:
            cursor.execute(QUERY.read_text())
            for row in cursor:
                self.stdout.write("\t".join(str(word) for word in row))
