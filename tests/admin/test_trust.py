"""MOYAI_CA_FILE, and what is said of a server whose certificate is not believed: each reason is told apart."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import requests

from admin.operations.bring_up import check_keycloak
from admin.operations.settings import Settings
from admin.operations.trust import trust
from governance.kernel.errors import DependencyUnavailable, Invalid
from tests.authority import DAY, NOW, Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The prefecture's private authority."""
    return Authority.make(tmp_path)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `trust` sets ends with the test."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PGSSLROOTCERT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@contextmanager
def _served(certificate: Path | None) -> Iterator[str]:
    """An address that answers every request with 200, over TLS with that certificate, or without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        taken = connection if certificate is None else context.wrap_socket(connection, server_side=True)
                        taken.recv(4096)
                        taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                        taken.close()
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _settings(url: str, authority: Authority | None = None) -> Settings:
    named = {} if authority is None else {"MOYAI_CA_FILE": str(authority.file)}
    return Settings.from_environment({"KEYCLOAK_URL": url, **named})


def _problem(settings: Settings) -> str:
    trust(settings)
    with pytest.raises(DependencyUnavailable) as refusal:
        check_keycloak(settings)
    assert refusal.value.field == "KEYCLOAK_URL"
    assert settings.keycloak_url in refusal.value.text("ja")
    return refusal.value.code


def test_a_private_authority_is_believed_by_every_library_once_it_is_named(
    authority: Authority, tmp_path: Path
) -> None:
    with _served(authority.issue(tmp_path, "127.0.0.1")) as url:
        assert _problem(_settings(url)) == "tls.unknown_authority"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=5)

        trust(_settings(url, authority))

        check_keycloak(_settings(url, authority))
        assert httpx.get(url).text == requests.get(url, timeout=5).text == "ok"
    assert os.environ["PGSSLROOTCERT"] == str(authority.file)


def test_another_name_an_expired_certificate_and_no_tls_are_told_apart(authority: Authority, tmp_path: Path) -> None:
    found = {}
    for case, certificate in {
        "name": authority.issue(tmp_path, "id.example"),
        "expired": authority.issue(tmp_path, "127.0.0.1", until=NOW - DAY),
        "no tls": None,
    }.items():
        with _served(certificate) as url:
            found[case] = _problem(_settings(url, authority))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"https://127.0.0.1:{closed.getsockname()[1]}"
    found["nobody"] = _problem(_settings(nobody, authority))

    assert found == {
        "name": "tls.wrong_name",
        "expired": "tls.expired",
        "no tls": "tls.none",
        "nobody": "servers.keycloak_unreachable",
    }


def test_a_servers_certificate_is_no_authority(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refusal:
        Settings.from_environment({"MOYAI_CA_FILE": str(authority.issue(tmp_path, "id.example"))})

    assert refusal.value.field == "MOYAI_CA_FILE"
    assert refusal.value.code == "settings.ca_file"
