"""A line in front of the real Keycloak that can lose an answer after the server has done what was asked."""

from __future__ import annotations

import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class FaultProxy:
    """Passes every request on. `drop_response` names the next ones whose answer never arrives."""

    def __init__(self, server_url: str) -> None:
        self._to_drop: list[tuple[str, re.Pattern[str]]] = []
        self._choosing = threading.Lock()
        proxy = self
        there = urlsplit(server_url)

        class Passing(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                onward = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
                onward.request(self.command, self.path, body, dict(self.headers))
                answer = onward.getresponse()
                content = answer.read()
                onward.close()
                if proxy.should_drop(self.command, self.path):
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = _pass_on

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the requests are seen by the tests."""

        self._listening = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        self._listening.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.server_address[1]}"

    def drop_response(self, method: str, path: str, times: int = 1) -> None:
        """The next `times` answers to `method` on a path that ends like the pattern `path` are lost."""
        self._to_drop.extend([(method, re.compile(f"{path}$"))] * times)

    def should_drop(self, method: str, path: str) -> bool:
        with self._choosing:
            for named in self._to_drop:
                if named[0] == method and named[1].search(path):
                    self._to_drop.remove(named)
                    return True
        return False

    @property
    def dropped_all(self) -> bool:
        """Whether every answer that was to be lost was lost."""
        return not self._to_drop

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self._listening.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.shutdown()
        self._listening.server_close()
