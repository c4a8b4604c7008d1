"""A line in front of the real Keycloak that can lose answers, answer 500, take its time, or be down."""

from __future__ import annotations

import http.client
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}


class FaultProxy:
    """Passes every request on. `drop_response` names the next ones whose answer never arrives.

    While `is_down` nothing is passed on and nothing answered.
    """

    def __init__(self, server_url: str) -> None:
        self._to_drop: list[tuple[str, re.Pattern[str]]] = []
        self._to_fail: list[tuple[str, re.Pattern[str], bool]] = []
        self._to_delay: list[float] = []
        self.is_down = False
        self._choosing = threading.Lock()
        proxy = self
        there = urlsplit(server_url)

        class Passing(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if proxy.is_down:
                    self.close_connection = True
                    self.connection.close()
                    return
                delay, fails, fails_after = proxy.next_faults(self.command, self.path)
                threading.Event().wait(delay)
                if fails:
                    self._answer_500()
                    return
                onward = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
                onward.request(self.command, self.path, body, dict(self.headers))
                answer = onward.getresponse()
                content = answer.read()
                onward.close()
                if proxy.should_drop(self.command, self.path):
                    self.close_connection = True
                    self.connection.close()
                    return
                if fails_after:
                    self._answer_500()
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _answer_500(self) -> None:
                self.send_response(500)
                self.send_header("Content-Length", "0")
                self.end_headers()

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

    def fail(self, method: str, path: str, times: int, *, after: bool = False) -> None:
        """The next `times` requests to a path that ends like the pattern get 500; with `after` once they were done."""
        self._to_fail.extend([(method, re.compile(f"{path}$"), after)] * times)

    def delay(self, seconds: float, times: int) -> None:
        """The next `times` requests are passed on so much later."""
        self._to_delay.extend([seconds] * times)

    def next_faults(self, method: str, path: str) -> tuple[float, bool, bool]:
        """What happens to this request: how long it waits, and whether it fails before or after it was done."""
        with self._choosing:
            delay = self._to_delay.pop(0) if self._to_delay else 0.0
            found = next((one for one in self._to_fail if one[0] == method and one[1].search(path)), None)
            if found is None:
                return delay, False, False
            self._to_fail.remove(found)
        return delay, not found[2], found[2]

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

    @property
    def failed_all(self) -> bool:
        """Whether every request that was to fail or to wait did."""
        return not self._to_fail and not self._to_delay

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self._listening.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.shutdown()
        self._listening.server_close()
