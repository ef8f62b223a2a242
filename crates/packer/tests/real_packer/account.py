"""moto's server with one image, on a free port of loopback. Prints where it is, then answers one call a line:
["ec2", "describe_images", {"Owners": ["self"]}]. It stays until its standard input ends."""

import json
import logging
import os
import sys
import tempfile

BASE = {
    "ami_id": "ami-0123456789abcdef0",
    "name": "base",
    "description": "base",
    "owner_id": "099720109477",
    "public": True,
    "virtualization_type": "hvm",
    "architecture": "x86_64",
    "state": "available",
    "platform": None,
    "image_type": "machine",
    "hypervisor": "xen",
    "root_device_name": "/dev/sda1",
    "root_device_type": "ebs",
    "sriov": "simple",
    "creation_date": "2026-01-01T00:00:00.000Z",
}

images = tempfile.NamedTemporaryFile("w", suffix=".json")
json.dump([BASE], images)
images.flush()
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
os.environ["MOTO_AMIS_PATH"] = images.name
logging.getLogger("werkzeug").setLevel(logging.ERROR)

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
session = boto3.Session(aws_access_key_id="AKIATEST", aws_secret_access_key="secret", region_name="us-east-1")
print(json.dumps(endpoint), flush=True)
for line in sys.stdin:
    service, operation, arguments = json.loads(line)
    answer = getattr(session.client(service, endpoint_url=endpoint), operation)(**arguments)
    print(json.dumps(answer, default=str), flush=True)
server.stop()
