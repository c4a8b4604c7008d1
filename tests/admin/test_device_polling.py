"""The device grant against a token endpoint of the tests' own: what it answers, how long is waited. No time passes."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from admin.identity import device_login
from admin.identity.device_login import DEVICE_GRANT, DeviceLogin, secure_address
from admin.identity.saved_login import DeviceEndpoints
from governance.kernel.errors import DependencyUnavailable, Invalid, NotAllowed

BEGUN = {
    "device_code": "device",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://id.example/device",
    "expires_in": 60,
    "interval": 5,
}
TOKENS = {"access_token": "access", "refresh_token": "refresh", "expires_in": 300, "refresh_expires_in": 1800}
Answer = tuple[int, Any]


def error(code: str) -> Answer:
    return 400, {"error": code}


class Scripted:
    """Answers what it was told, in that order, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                scripted.asked.append({name: values[0] for name, values in parse_qs(form).items()})
                status, content = scripted.answers.pop(0) if len(scripted.answers) > 1 else scripted.answers[0]
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the tests' output is for the tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._thread.join(timeout=10)
        self._server.server_close()


class Clock:
    """Time as the login sees it: it passes only while the login waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        monkeypatch.setattr(device_login, "monotonic", lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def endpoints(url: str) -> DeviceEndpoints:
    return DeviceEndpoints(
        issuer=url,
        client_id="moyai-cli",
        scope="openid organization:t",
        device_authorization_endpoint=f"{url}/device",
        token_endpoint=f"{url}/token",
        end_session_endpoint=f"{url}/logout",
    )


def test_it_proves_that_it_began_and_holds_no_secret(passing: Clock) -> None:
    with Scripted((200, BEGUN), (200, TOKENS)) as keycloak:
        login = DeviceLogin(endpoints(keycloak.url), wait=passing.wait)
        code = login.begin()
        tokens = login.finish(code)

    begun, taken = keycloak.asked
    assert begun == {
        "client_id": "moyai-cli",
        "scope": "openid organization:t",
        "code_challenge": create_s256_code_challenge(code.verifier),
        "code_challenge_method": "S256",
    }
    assert taken == {
        "grant_type": DEVICE_GRANT,
        "client_id": "moyai-cli",
        "device_code": "device",
        "code_verifier": code.verifier,
    }
    assert (tokens.access_token, tokens.refresh_token) == ("access", "refresh")
    assert code.verifier not in repr(code)
    assert "access" not in repr(tokens).replace("access_token", "")


def test_it_asks_at_the_interval_and_slower_when_told(passing: Clock) -> None:
    pending, slower, away = error("authorization_pending"), error("slow_down"), (503, b"<html>")
    with Scripted((200, BEGUN), pending, pending, slower, pending, away, pending, (200, TOKENS)) as keycloak:
        login = DeviceLogin(endpoints(keycloak.url), wait=passing.wait)
        login.finish(login.begin())

    # Five seconds more after slow_down, twice as many after no answer, and never past the end of the code.
    assert passing.waits == [5, 5, 5, 10, 10, 20, 5]


def test_it_ends_when_the_code_does(passing: Clock) -> None:
    with Scripted((200, BEGUN), error("authorization_pending")) as keycloak:
        login = DeviceLogin(endpoints(keycloak.url), wait=passing.wait)
        with pytest.raises(NotAllowed) as refusal:
            login.finish(login.begin())

    assert refusal.value.code == "login.code_expired"
    assert passing.now == BEGUN["expires_in"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error("access_denied"), "login.denied"),
        (error("expired_token"), "login.code_expired"),
        (error("invalid_grant"), "login.declined"),
        ((200, {"access_token": "access"}), "login.declined"),
    ],
)
def test_what_is_final_is_not_asked_again(passing: Clock, answer: Answer, code: str) -> None:
    with Scripted((200, BEGUN), answer) as keycloak:
        login = DeviceLogin(endpoints(keycloak.url), wait=passing.wait)
        with pytest.raises(NotAllowed) as refusal:
            login.finish(login.begin())

    assert (refusal.value.code, len(keycloak.asked)) == (code, 2)


def test_a_server_that_does_not_answer_is_unavailable(passing: Clock) -> None:
    with Scripted((200, BEGUN)) as keycloak:
        pass

    login = DeviceLogin(endpoints(keycloak.url), wait=passing.wait)
    for ask in (login.begin, lambda: login.refresh("refresh"), lambda: login.end("refresh")):
        with pytest.raises(DependencyUnavailable):
            ask()


def test_a_client_that_may_not_begin_is_told_why(passing: Clock) -> None:
    with Scripted(error("unauthorized_client")) as keycloak, pytest.raises(NotAllowed) as refusal:
        DeviceLogin(endpoints(keycloak.url), wait=passing.wait).begin()

    assert "unauthorized_client" in refusal.value.text("en")


def test_a_refresh_token_that_ended_gives_nothing(passing: Clock) -> None:
    with Scripted(error("invalid_grant")) as keycloak:
        assert DeviceLogin(endpoints(keycloak.url), wait=passing.wait).refresh("refresh") is None

    assert keycloak.asked == [{"grant_type": "refresh_token", "refresh_token": "refresh", "client_id": "moyai-cli"}]


@pytest.mark.parametrize("given", ["http://id.example", "ftp://localhost", "https://", "id.example", "https://[x", ""])
def test_only_https_or_this_machine_is_an_address(given: str) -> None:
    with pytest.raises(Invalid):
        secure_address(given, field="--server")


def test_this_machine_needs_no_tls() -> None:
    assert secure_address("http://localhost:8700/", field="--server") == "http://localhost:8700"
    with pytest.raises(Invalid):
        DeviceLogin(endpoints("http://id.example"))
