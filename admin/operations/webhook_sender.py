"""One request to a webhook's receiver: to the address that was looked at, over TLS, once, within a time.

The receiver's name is resolved here and each address it stands for is looked at; the connection is then made to such an
address and not to the name, so that a name which stands for another address a moment later (DNS rebinding) leads
nowhere. A redirect is not followed, no proxy is used, and nothing of an answer but its status is read.
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
from typing import Final

from governance.kernel.errors import Invalid
from governance.webhooks.address import PORT, AddressKind, kind_of, split_address
from governance.webhooks.delivery import Attempt
from governance.webhooks.states import DeliveryProblem

ATTEMPT_SECONDS: Final = 10
"""How long one attempt may take from its connection on, however slowly the receiver answers."""

_USER_AGENT: Final = "Moyai-Webhook"

Resolve = Callable[[str], Sequence[str]]
"""The IP addresses of a name; raises OSError."""

Connect = Callable[[str, int, float], socket.socket]
"""A connection to an IP address and port within seconds; raises OSError."""


def resolve(name: str) -> Sequence[str]:
    """The IP addresses that the machine's resolver gives for a name. Raises OSError."""
    found = socket.getaddrinfo(name, PORT, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def connect(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to an IP address. Raises OSError."""
    return socket.create_connection((address, port), timeout=seconds)


class WebhookSender:
    """Sends; `resolve` and `connect` are the machine's own but in tests."""

    def __init__(self, *, resolve: Resolve = resolve, connect: Connect = connect) -> None:
        self._resolve = resolve
        self._connect = connect

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Make one request. What went wrong is in the answer; nothing is raised for it."""
        try:
            parts = split_address(url)
        except Invalid:
            return Attempt(None, DeliveryProblem.NOT_PUBLIC)
        host = parts.hostname or ""
        try:
            addresses = self._resolve(host)
        except OSError:
            addresses = ()
        if not addresses:
            return Attempt(None, DeliveryProblem.NAME_UNKNOWN)
        if any(kind_of(ip_address(one.partition("%")[0])) is not AddressKind.PUBLIC for one in addresses):
            return Attempt(None, DeliveryProblem.NOT_PUBLIC)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        deadline = time.monotonic() + ATTEMPT_SECONDS
        try:
            with _closed_at(deadline, self._open(addresses, deadline)) as plain:
                status = self._post(plain, host, target, headers, body)
            # An answer that was cut off because its time was over looks like a short one.
            return Attempt(None, DeliveryProblem.TOO_SLOW) if time.monotonic() >= deadline else _judge(status)
        except ssl.SSLCertVerificationError:
            return Attempt(None, DeliveryProblem.CERTIFICATE)
        except (OSError, http.client.HTTPException, ValueError):
            is_late = time.monotonic() >= deadline
            return Attempt(None, DeliveryProblem.TOO_SLOW if is_late else DeliveryProblem.UNREACHABLE)

    def _open(self, addresses: Sequence[str], deadline: float) -> socket.socket:
        """A connection to the first address that takes one. Raises OSError."""
        fault = OSError()
        for address in addresses:
            try:
                return self._connect(address, PORT, max(0.1, deadline - time.monotonic()))
            except OSError as refused:
                fault = refused
        raise fault

    @staticmethod
    def _post(plain: socket.socket, host: str, target: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. Raises OSError and HTTPException."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        connection = http.client.HTTPConnection(host)
        # A connection that is there is used; another one is never made.
        connection.auto_open = 0
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        try:
            connection.request(
                "POST", target, body, {**headers, "User-Agent": _USER_AGENT, "Connection": "close", "Host": host}
            )
            return connection.getresponse().status
        finally:
            connection.close()


def _judge(status: int) -> Attempt:
    if 200 <= status < 300:
        return Attempt(status, None)
    return Attempt(status, DeliveryProblem.REDIRECT if 300 <= status < 400 else DeliveryProblem.STATUS)


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
