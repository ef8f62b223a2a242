"""Signs each request anew with botocore and says whether the signature is the same; moto itself accepts any. Prints
its address as a line of JSON, and stays until its standard input ends."""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        given = self.headers.get("authorization", "")
        parts = re.search(r"Credential=(\S+?)/\d+/(\S+?)/(\S+?)/aws4_request, SignedHeaders=(\S+?), Signature=(\w+)", given)
        key, region, service, signed, signature = parts.groups()
        host = self.headers["host"]
        headers = {name: self.headers[name] for name in signed.split(";")}
        request = AWSRequest(method=self.command, url=f"http://{host}{self.path}", headers=headers, data=body)
        request.context["timestamp"] = self.headers["x-amz-date"]
        signer = SigV4Auth(Credentials(key, "secret", self.headers.get("x-amz-security-token")), service, region)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        same = signer.signature(text, request) == signature
        code = f"Same.{service}.{region}" if same else "SignatureDoesNotMatch"
        answer = f"<ErrorResponse><Error><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>".encode()
        self.send_response(400)
        self.send_header("x-amzn-errortype", code)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"endpoint": f"http://127.0.0.1:{server.server_port}"}), flush=True)
sys.stdin.read()
