"""manage.py SERVICE COMMAND..., as Open edX has it. SERVICE is lms or cms; there is only one file of settings."""

import os
import sys

from django.core.management import execute_from_command_line

os.environ["SERVICE_VARIANT"] = sys.argv.pop(1)
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line([word for word in sys.argv if not word.startswith("--settings=")])
