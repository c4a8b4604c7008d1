"""One request to a receiver: to the address that was looked at, and to no other."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from admin.operations import public_requests
from admin.operations.webhook_sender import WebhookSender
from governance.webhooks.delivery import Attempt
from governance.webhooks.states import DeliveryProblem
from tests.authority import Authority

NAME = "siem.example.jp"
URL = f"https://{NAME}/in?from=moyai"
PUBLIC = "93.184.215.14"
Answer = Callable[[ssl.SSLSocket], None]


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """An authority that this process believes."""
    made = Authority.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


class Receiver:
    """A server behind a public address: what is connected to that address comes here."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connected: list[str] = []
        self.resolved: list[str] = []
        self.received: list[bytes] = []
        self.addresses = [[PUBLIC]]

    def resolve(self, name: str) -> list[str]:
        self.resolved.append(name)
        return self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connected.append(f"{address}:{port}")
        return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

    def send(self, url: str = URL, body: bytes = b"{}") -> Attempt:
        return WebhookSender(resolve=self.resolve, connect=self.connect)(url, {"webhook-id": "1"}, body)


def status(line: bytes, *more: bytes) -> Answer:
    return lambda connection: connection.sendall(b"\r\n".join((b"HTTP/1.1 " + line, *more, b"", b"")))


@contextmanager
def receiver(certificate: Path | None, answer: Answer) -> Iterator[Receiver]:
    """Serves one connection after the other, over TLS with the certificate, until the end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Receiver(listening.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        request = b""
                        while not request.endswith(b"{}") and (part := connection.recv(65536)):
                            request += part
                        made.received.append(request)
                        answer(connection)
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=5)


def test_a_delivery_goes_to_the_address_that_was_looked_at(authority: Authority, tmp_path: Path) -> None:
    with receiver(authority.issue(tmp_path, NAME), status(b"204 No Content")) as served:
        # A name that stands for something else a moment later: it is asked for once.
        served.addresses = [[PUBLIC], ["127.0.0.1"]]

        assert served.send() == Attempt(204, None)

    assert (served.resolved, served.connected) == ([NAME], [f"{PUBLIC}:443"])
    head = served.received[0].decode().split("\r\n\r\n")[0].split("\r\n")
    assert head[0] == "POST /in?from=moyai HTTP/1.1"
    assert {"Host: siem.example.jp", "webhook-id: 1", "User-Agent: Moyai-Webhook"} <= set(head)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["192.168.1.1"],
        ["169.254.169.254"],
        ["fe80::1%eth0"],
        ["::1"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["0.0.0.0"],
        ["100.64.0.1"],
        [PUBLIC, "10.0.0.1"],
    ],
    ids=lambda given: given[-1],
)
def test_a_name_of_an_internal_address_is_never_connected_to(addresses: list[str]) -> None:
    served = Receiver(0)
    served.addresses = [addresses]

    assert served.send() == Attempt(None, DeliveryProblem.NOT_PUBLIC)
    assert served.connected == []


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "http://siem.example.jp/", "https://siem.example.jp:22/"])
def test_an_address_that_no_command_takes_is_not_even_resolved(url: str) -> None:
    served = Receiver(0)

    assert served.send(url) == Attempt(None, DeliveryProblem.NOT_PUBLIC)
    assert (served.resolved, served.connected) == ([], [])


def test_a_name_that_stands_for_nothing_is_no_delivery() -> None:
    def resolve(name: str) -> list[str]:
        raise socket.gaierror

    assert WebhookSender(resolve=resolve)(URL, {}, b"") == Attempt(None, DeliveryProblem.NAME_UNKNOWN)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"200 OK", Attempt(200, None)),
        (b"299 Fine", Attempt(299, None)),
        (b"301 Moved", Attempt(301, DeliveryProblem.REDIRECT)),
        (b"307 Moved", Attempt(307, DeliveryProblem.REDIRECT)),
        (b"401 No", Attempt(401, DeliveryProblem.STATUS)),
        (b"503 No", Attempt(503, DeliveryProblem.STATUS)),
        (b"rubbish", Attempt(None, DeliveryProblem.UNREACHABLE)),
    ],
)
def test_anything_but_2xx_is_no_delivery_and_a_redirect_is_not_followed(
    authority: Authority, tmp_path: Path, line: bytes, expected: Attempt
) -> None:
    elsewhere = b"Location: https://169.254.169.254/latest/meta-data"
    with receiver(authority.issue(tmp_path, NAME), status(line, elsewhere)) as served:
        assert served.send() == expected

    assert len(served.connected) == len(served.received) == 1


def test_a_certificate_of_another_name_or_by_an_unknown_authority_is_not_believed(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(authority.issue(tmp_path, "other.example.jp"), status(b"200 OK")) as served:
        assert served.send() == Attempt(None, DeliveryProblem.CERTIFICATE)
    with receiver(authority.issue(tmp_path, NAME), status(b"200 OK")) as served:
        monkeypatch.delenv("SSL_CERT_FILE")
        assert served.send() == Attempt(None, DeliveryProblem.CERTIFICATE)
    assert served.received == []


def test_a_receiver_that_is_down_is_no_delivery() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    assert Receiver(port).send() == Attempt(None, DeliveryProblem.UNREACHABLE)


def test_a_receiver_that_answers_byte_by_byte_is_left_when_its_time_is_over(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_requests, "REQUEST_SECONDS", 0.5)
    left = threading.Event()

    def drip(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        try:
            while not left.wait(0.02):
                connection.sendall(b"X: y\r\n")
        except OSError:
            left.set()

    with receiver(authority.issue(tmp_path, NAME), drip) as served:
        assert served.send() == Attempt(None, DeliveryProblem.TOO_SLOW)
        assert left.wait(5)
