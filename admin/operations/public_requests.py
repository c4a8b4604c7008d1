"""One request to an address that somebody entered: to the address that was looked at, over TLS, once, within a time.

The name is resolved here and each address it stands for is looked at; the connection is then made to such an address
and not to the name, so that a name which stands for another address a moment later (DNS rebinding) leads nowhere. A
redirect is not followed and no proxy is used.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Final, NamedTuple

from governance.kernel.errors import Invalid
from governance.kernel.labels import LabelledEnum
from governance.webhooks.address import PORT, AddressKind, kind_of, split_address

REQUEST_SECONDS: Final = 10
"""How long one request may take from its connection on, however slowly it is answered."""

Resolve = Callable[[str], Sequence[str]]
"""The IP addresses of a name; raises OSError."""

Connect = Callable[[str, int, float], socket.socket]
"""A connection to an IP address and port within seconds; raises OSError."""


class RequestProblem(LabelledEnum):
    """Why there is no answer."""

    NAME_UNKNOWN = "name-unknown", "名前が見つかりません", "its name is not known"
    NOT_PUBLIC = "not-public", "公開されたアドレスではありません", "it is not a public address"
    UNREACHABLE = "unreachable", "接続できません", "it cannot be reached"
    CERTIFICATE = "certificate", "証明書を確認できません", "its certificate is not valid"
    TOO_SLOW = "too-slow", "時間内に応答がありません", "it does not answer in time"


class Answer(NamedTuple):
    """The HTTP status and the beginning of the body; or, without an answer, why there is none."""

    status: int | None
    body: bytes
    problem: RequestProblem | None


def resolve(name: str) -> Sequence[str]:
    """The IP addresses that the machine's resolver gives for a name. Raises OSError."""
    found = socket.getaddrinfo(name, PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to an IP address. Raises OSError."""
    return socket.create_connection((address, port), timeout=seconds)


class PublicRequests:
    """Makes requests; `resolve` and `connect` are the machine's own but in tests."""

    def __init__(self, user_agent: str, *, resolve: Resolve = resolve, connect: Connect = connect) -> None:
        self._user_agent = user_agent
        self._resolve = resolve
        self._connect = connect

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int = 0
    ) -> Answer:
        """Make one request and read at most `most` bytes of the answer. What went wrong is in it; nothing is raised."""
        try:
            parts = split_address(url)
        except Invalid:
            return Answer(None, b"", RequestProblem.NOT_PUBLIC)
        host = parts.hostname or ""
        try:
            addresses = self._resolve(host)
        except OSError:
            addresses = ()
        if not addresses:
            return Answer(None, b"", RequestProblem.NAME_UNKNOWN)
        if any(kind_of(ip_address(one.partition("%")[0])) is not AddressKind.PUBLIC for one in addresses):
            return Answer(None, b"", RequestProblem.NOT_PUBLIC)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        deadline = time.monotonic() + REQUEST_SECONDS
        try:
            with _closed_at(deadline, self._open(addresses, deadline)) as plain:
                status, read = self._ask(plain, host, method, target, headers, body, most)
            # An answer that was cut off because its time was over looks like a short one.
            if time.monotonic() >= deadline:
                return Answer(None, b"", RequestProblem.TOO_SLOW)
            return Answer(status, read, None)
        except ssl.SSLCertVerificationError:
            return Answer(None, b"", RequestProblem.CERTIFICATE)
        except (OSError, http.client.HTTPException, ValueError):
            is_late = time.monotonic() >= deadline
            return Answer(None, b"", RequestProblem.TOO_SLOW if is_late else RequestProblem.UNREACHABLE)

    def _open(self, addresses: Sequence[str], deadline: float) -> socket.socket:
        """A connection to the first address that takes one. Raises OSError."""
        fault = OSError()
        for address in addresses:
            try:
                return self._connect(address, PORT, max(0.1, deadline - time.monotonic()))
            except OSError as refused:
                fault = refused
        raise fault

    def _ask(
        self,
        plain: socket.socket,
        host: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        most: int,
    ) -> tuple[int, bytes]:
        """The status and the beginning of the answer. Raises OSError and HTTPException."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connection = http.client.HTTPConnection(host)
        # A connection that is there is used; another one is never made.
        connection.auto_open = 0
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        try:
            connection.request(
                method, target, body, {**headers, "User-Agent": self._user_agent, "Connection": "close", "Host": host}
            )
            answer = connection.getresponse()
            return answer.status, answer.read(most) if most else b""
        finally:
            connection.close()


@contextmanager
def _closed_at(deadline: float, plain: socket.socket) -> Iterator[socket.socket]:
    """Let the connection end at the deadline, also while somebody answers one byte after the other."""
    # The descriptor is another one, since that of `plain` is given to the TLS connection.
    handle = plain.dup()

    def end() -> None:
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield plain
    finally:
        timer.cancel()
        timer.join()
        handle.close()
        plain.close()
