#!/bin/sh
exec /edx/app/edxapp/venvs/edxapp/bin/python -m PROGRAM "$@"
