"""What stands before an app: python front.py MODE TARGET PORT. Standard library only.

basic    HTTP Basic authentication, me / secret (a reverse proxy's, not Gradio's own login)
private  404 with a page unless the request brings the token hf_good, as private Spaces answer
moved    308 to TARGET for everything
stopped  503 {"detail": "Queue is stopped."} to whoever submits
limit    every answer that takes longer than LIMIT seconds (environment, 4) is cut off
"""

import base64
import contextlib
import http.client
import http.server
import os
import socket
import sys
import time
import urllib.parse

MODE, TARGET, PORT = sys.argv[1], sys.argv[2].rstrip("/"), int(sys.argv[3])
LIMIT = float(os.environ.get("LIMIT", "4"))
HOST = urllib.parse.urlsplit(TARGET)
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
BASIC = "Basic " + base64.b64encode(b"me:secret").decode()


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", kind="text/html", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def refused(self):
        if MODE == "basic" and self.headers.get("authorization") != BASIC:
            return (401, b"<html>Authorization required</html>"), {"WWW_Authenticate": 'Basic realm="apps"'}
        told = (self.headers.get("authorization"), self.headers.get("x-hf-authorization"))
        if MODE == "private" and "Bearer hf_good" not in told:
            return (404, b"<!doctype html><html>No such page</html>"), {}
        if MODE == "moved":
            return (308,), {"Location": TARGET + self.path}
        if MODE == "stopped" and self.command == "POST":
            return (503, b'{"detail":"Queue is stopped."}', "application/json"), {}
        return None

    def pass_on(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        if refused := self.refused():
            self.answer(*refused[0], **refused[1])
            return
        link = http.client.HTTPConnection(HOST.hostname, HOST.port, timeout=600)
        link.request(
            self.command,
            self.path,
            body,
            {k: v for k, v in self.headers.items() if k.lower() not in HOP | {"host", "authorization"}}
            | ({"Content-Length": str(length)} if length else {}),
        )
        reply = link.getresponse()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        ends = time.time() + LIMIT
        try:
            while piece := reply.read1(65536):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if MODE == "limit":
                    left = ends - time.time()
                    if left <= 0:
                        raise TimeoutError
                    reply.fp.raw._sock.settimeout(left)
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, ValueError, http.client.HTTPException):
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        finally:
            link.close()

    do_GET = do_POST = do_HEAD = pass_on  # noqa: N815 - names of the base


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Front).serve_forever()
