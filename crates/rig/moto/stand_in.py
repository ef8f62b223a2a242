"""moto's server on a free port of loopback, with the images of a file: what the scripts of tests furnish
(crates/rig/src/moto.rs)."""

import json
import logging
import os
import sys


class StandIn:
    """A running server. moto reads its images when EC2 is first asked."""

    def __init__(self, images, region="us-east-1"):
        # moto's own list of images is long, and takes seconds to read.
        os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
        os.environ["MOTO_AMIS_PATH"] = str(images)
        # One line for each request says nothing that the test does not.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        from moto.server import ThreadedMotoServer

        self.region = region
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"

    def client(self, name):
        import boto3

        return boto3.client(
            name,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id="AKIATEST",
            aws_secret_access_key="secret",
        )

    def stay(self, **facts):
        """Prints one line of JSON with where the server is and those facts, and stays until standard input ends."""
        print(json.dumps({"endpoint": self.endpoint, **facts}), flush=True)
        sys.stdin.read()
        self.server.stop()
