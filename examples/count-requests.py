#!/usr/bin/env python3
"""Prints how many requests of visitors nginx has answered in the last minute. This is a `count_requests` for the deployment file:

    count_requests = ["/edx/bin/count-requests", "/edx/var/log/nginx/access.log"]

The arguments are logs in nginx's format `combined`, or one that begins like it. Each is read from its end. Not counted are the
health checks of balancers, which they name themselves, and requests for /heartbeat.

A request is in the log once it is answered. With `access_log ... buffer=`, it is there only when the buffer is full or `flush=`
has passed, so that the number may be too low.
"""

import re
import sys
from datetime import datetime, timedelta, timezone

PERIOD = timedelta(seconds=60)

MOST_BYTES = 16 * 1024 * 1024
"""How much of a log is read. More than that in a minute is counted only in part."""

HEALTH_CHECKS = re.compile(rb"ELB-HealthChecker|Amazon-Route53-Health-Check-Service")
HEARTBEAT = re.compile(rb'"[A-Z]+ /heartbeat[/? ]')
REQUEST = re.compile(rb'\] "[A-Z]+ ')
MOMENT = re.compile(rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]")


def end_of(path):
    """The whole lines at the end of a log."""
    with open(path, "rb") as log:
        size = log.seek(0, 2)
        log.seek(max(0, size - MOST_BYTES))
        lines = log.read().splitlines()
    return lines[1:] if size > MOST_BYTES else lines


def moment_of(line):
    """When a request was answered, or None for a line that has no time."""
    found = MOMENT.search(line)
    return found and datetime.strptime(found[1].decode(), "%d/%b/%Y:%H:%M:%S %z")


def is_of_visitor(line):
    """Whether it is a request, and neither a balancer nor a monitor has made it."""
    return bool(REQUEST.search(line)) and not HEALTH_CHECKS.search(line) and not HEARTBEAT.search(line)


def requests_since(path, since):
    """How many requests of visitors a log has since that moment."""
    requests = 0
    for line in reversed(end_of(path)):
        moment = moment_of(line)
        if moment is None:
            continue
        if moment < since:
            break
        requests += is_of_visitor(line)
    return requests


def main(paths):
    if not paths:
        sys.exit("usage: count-requests.py LOG...")
    since = datetime.now(timezone.utc) - PERIOD
    print(sum(requests_since(path, since) for path in paths))


if __name__ == "__main__":
    main(sys.argv[1:])
