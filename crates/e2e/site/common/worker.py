"""What celery's workers run."""

import os
import time

import django
from celery import Celery

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
if __name__ == "worker":
    django.setup()

from django.conf import settings

APP = Celery("edx", broker=settings.FLEET["broker"])


@APP.task(name="grade")
def grade(answer, seconds):
    from history.models import Answer

    time.sleep(seconds)
    Answer.objects.filter(pk=answer).update(graded=True)
