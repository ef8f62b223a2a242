"""Reads a JSON list of lines for the `aws` command and has the command itself look at each: its options, what is in
them, and whether anything is missing. Nothing is sent. Prints what it has to say against them as a JSON list."""

import contextlib
import io
import json
import os
import shlex
import sys

os.environ.update(AWS_ACCESS_KEY_ID="AKIATEST", AWS_SECRET_ACCESS_KEY="secret", AWS_EC2_METADATA_DISABLED="true")

from awscli.botocore.awsrequest import AWSResponse  # noqa: E402
from awscli.clidriver import create_clidriver  # noqa: E402


def answer(**_):
    """Stands in for the network, once the command has found nothing wrong with a request."""
    sent.append(True)
    return AWSResponse("", 200, {}, None), {}


wrong = []
for line in json.loads(sys.stdin.readline()):
    command, *arguments = shlex.split(line)
    sent, said = [], io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            # A driver keeps what it was told last.
            driver = create_clidriver()
            driver.session.register("before-call", answer)
            status = driver.main(arguments)
        except SystemExit as exit:
            status = exit.code
    if command != "aws" or status != 0 or not sent:
        wrong.append(f"{line}: {status}: {said.getvalue().strip().splitlines()[-1:]}")
print(json.dumps(wrong), flush=True)
