"""Enrols a student, submits an answer and deletes both, through the web server of this host."""

import urllib.parse
import urllib.request
import uuid

from django.conf import settings
from django.core.management.base import BaseCommand

PORTS = {"lms": 8000, "cms": 8010}


class Command(BaseCommand):
    def handle(self, **options):
        student = f"check-{uuid.uuid4()}"
        for action, fields in [("enrol", {"course": "check"}), ("submit", {"text": "42"}), ("delete", {})]:
            data = urllib.parse.urlencode({"student": student, **fields}).encode()
            address = f"http://localhost:{PORTS[settings.SERVICE]}/{action}"
            with urllib.request.urlopen(address, data, timeout=10) as answer:
                self.stdout.write(f"{action}: {answer.status}")
