"""The settings of lms and cms. What differs between fleets is in a file of the host."""

import json
import os

import pymysql

import release

pymysql.install_as_MySQLdb()

SERVICE = os.environ["SERVICE_VARIANT"]
with open(f"/edx/etc/{SERVICE}.yml") as file:
    FLEET = json.load(file)


def database(schema):
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": FLEET["database"],
        "NAME": schema,
        "USER": FLEET["user"],
        "PASSWORD": FLEET["password"],
        "OPTIONS": {"connect_timeout": 2, "charset": "utf8mb4"},
    }


DATABASES = {"default": database(FLEET["schema"]), "student_module_history": database(FLEET["history_schema"])}
DATABASE_ROUTERS = ["router.HistoryRouter"]
INSTALLED_APPS = ["courses", "history"] + (["contentstore"] if SERVICE == "cms" else [])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
SECRET_KEY = "nobody signs in"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "views"
MIDDLEWARE = ["views.say_release"]
RELEASE = release.NUMBER
RELEASE_NAME = release.NAME
# Errors, in the files that supervisor keeps of each program.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django.request": {"handlers": ["console"]}},
}
