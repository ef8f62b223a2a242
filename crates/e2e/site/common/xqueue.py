"""Stands in for xqueue: it listens at its port, and takes a second to stop."""

import signal
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


def stop(*_):
    time.sleep(1)
    raise SystemExit


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


signal.signal(signal.SIGTERM, stop)
HTTPServer(("localhost", 18040), Handler).serve_forever()
