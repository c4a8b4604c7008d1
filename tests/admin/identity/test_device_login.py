"""`moyai login` against a real Keycloak: the code is confirmed on its pages, and the command line is that person."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from admin.identity.device_login import DEVICE_GRANT, DeviceLogin
from admin.identity.saved_login import DeviceEndpoints, LoginFile
from governance.permissions import Role
from tests.admin.browser import Browser, forms
from tests.admin.live_app import PASSWORD, LiveApp, Person
from tests.database_rows import recorded
from tests.factories import THIRTEEN
from tests.tenancy.keycloak.installation import Installation

ROOT = Path(__file__).parents[3]


class Terminal:
    """A command line on a machine of its own: it knows no database, and keeps its sign-in in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = LoginFile({"XDG_CONFIG_HOME": str(folder)})

    def __call__(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Exit code, and the object on standard output."""
        process = self.begin(*words)
        stdout, stderr = process.communicate(timeout=60)
        assert stdout, stderr
        return process.returncode, json.loads(stdout)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(self.folder),
            "MOYAI_HOME": str(self.folder / "nothing"),
        }
        command = [sys.executable, "-m", "admin.cli", *words, "--json"]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )


@pytest.fixture
def terminal(tmp_path: Path) -> Callable[[str], Terminal]:
    return lambda name: Terminal(tmp_path / name)


def confirm(browser: Browser, address: str, person: Person, *, accept: bool = True) -> httpx.Response:
    """Open the address with the code in it, sign in on Keycloak's page and confirm there."""
    page = browser.get(address)
    form = next(form for form in forms(page.text) if "password" in form.fields)
    form.fields.update(username=person.email, password=PASSWORD)
    page = browser.post(form.action, form.fields)
    assert page.status_code == 200, page.text
    form = next(form for form in forms(page.text) if "/login-actions/consent" in form.action)
    # The two buttons of the form in which Keycloak asks whether the command line may act for the person.
    chosen = form.fields | {"accept" if accept else "cancel": ""}
    return browser.post(str(page.url.join(form.action)), chosen)


def shown_address(process: subprocess.Popen[str]) -> str:
    """The address with the code filled in, as soon as the command line shows it."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"http\S+user_code=\S+", line):
            return found[0]
    raise AssertionError("no address was shown")


def log_in(terminal: Terminal, live_app: LiveApp, person: Person, realm: str = "operators") -> dict[str, Any]:
    """`moyai login`, confirmed in a browser meanwhile; what it answers."""
    process = terminal.begin("login", "--server", live_app.url, "--realm", realm)
    browser = Browser()
    done = confirm(browser, shown_address(process), person)
    browser.close()
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, done.status_code) == (0, 200), stderr
    answer: dict[str, Any] = json.loads(stdout)
    tokens = terminal.file.read()
    assert tokens is not None
    for secret in (tokens.tokens.access_token, tokens.tokens.refresh_token):
        assert secret not in stdout + stderr
    return answer


def test_one_person_asks_for_a_run_and_another_approves_it_both_over_the_api(
    live_app: LiveApp, terminal: Callable[[str], Terminal]
) -> None:
    live_app.factory.add_members(THIRTEEN)
    live_app.factory.adopt(live_app.factory.draft())
    live_app.factory.record(24_000_000)
    finance, approver = live_app.operator(Role.OPERATOR_FINANCE), live_app.operator(Role.OPERATOR_APPROVER)
    desk, office = terminal("desk"), terminal("office")

    answer = log_in(desk, live_app, finance)
    log_in(office, live_app, approver)
    code, prepared = desk("allocation", "prepare", "2025")
    assert code == 0, prepared
    words = ("allocation", "approve", prepared["run_id"], "--digest", prepared["digest"])
    refused = desk(*words)
    approved = office(*words)

    assert (answer["server"], answer["id"], answer["kind"]) == (live_app.url, str(finance.person_id), "person")
    assert answer["roles"] == ["operator-finance"]
    assert stat.S_IMODE(desk.file.path.stat().st_mode) == 0o600
    assert (refused[0], refused[1]["error"]["code"]) == (1, "permission.missing")
    assert approved[0] == 0, approved
    assert [event.actor for event in recorded("allocation.prepared")] == [str(finance.person_id)]
    # One event for the operator and one for each member.
    assert [event.actor for event in recorded("allocation.approved")] == [str(approver.person_id)] * 14
    assert desk("audit", "verify")[1]["error"]["code"] == "cli.not_over_api"
    assert desk("ledger", "balances", "431001")[1]["balances"]


def test_who_leaves_is_nobody_and_the_session_has_ended(live_app: LiveApp, terminal: Callable[[str], Terminal]) -> None:
    desk = terminal("desk")
    log_in(desk, live_app, live_app.operator(Role.OPERATOR_AUDITOR))
    login = desk.file.read()
    assert login is not None

    assert desk("whoami")[1]["roles"] == ["operator-auditor"]
    assert desk("logout") == (0, {"server": live_app.url})

    assert not desk.file.exists()
    assert desk("whoami")[1]["server"] is None
    used = {"client_id": "moyai-cli", "grant_type": "refresh_token", "refresh_token": login.tokens.refresh_token}
    assert httpx.post(login.endpoints.token_endpoint, data=used).json()["error"] == "invalid_grant"


def test_a_token_that_ends_is_renewed_and_the_used_one_is_worth_nothing(
    live_app: LiveApp, terminal: Callable[[str], Terminal]
) -> None:
    desk = terminal("desk")
    log_in(desk, live_app, live_app.operator(Role.OPERATOR_AUDITOR))
    before = desk.file.read()
    assert before is not None
    desk.file.write(before.model_copy(update={"tokens": before.tokens.model_copy(update={"expires_at": 0.0})}))

    assert desk("whoami")[0] == 0

    after = desk.file.read()
    assert after is not None
    assert after.tokens.refresh_token != before.tokens.refresh_token
    used = {"client_id": "moyai-cli", "grant_type": "refresh_token", "refresh_token": before.tokens.refresh_token}
    assert httpx.post(before.endpoints.token_endpoint, data=used).json()["error"] == "invalid_grant"


def test_a_municipalitys_person_sees_their_own_tenant(
    live_app: LiveApp, municipality: UUID, terminal: Callable[[str], Terminal]
) -> None:
    live_app.municipality("432105", "菊池市")
    desk = terminal("desk")

    answer = log_in(desk, live_app, live_app.person(municipality, Role.TENANT_OWNER), "432083")

    assert answer["tenant_id"] == str(municipality)
    assert [tenant["code"] for tenant in desk("tenant", "list")[1]["tenants"]] == ["432083"]
    assert desk("member", "list", "432083")[0] == 0
    assert desk("member", "list", "432105")[1]["error"]["code"] == "not_found"
    city = ("--kind", "city", "--code", "431001", "--name", "熊本市", "--kana", "クマモトシ")
    assert desk("tenant", "register", *city)[1]["error"]["code"] == "permission.missing"


@pytest.mark.parametrize("realm", ["431001", "43208", "moyai"])
def test_an_unknown_tenant_is_refused_before_keycloak_is_asked(
    live_app: LiveApp, terminal: Callable[[str], Terminal], realm: str
) -> None:
    code, answer = terminal("desk")("login", "--server", live_app.url, "--realm", realm)

    assert (code, answer["error"]["field"]) == (1 if realm == "431001" else 2, "--realm")


def test_who_declines_on_the_page_is_not_signed_in(
    live_app: LiveApp, terminal: Callable[[str], Terminal], browser: Browser
) -> None:
    desk = terminal("desk")
    process = desk.begin("login", "--server", live_app.url)
    confirm(browser, shown_address(process), live_app.operator(Role.OPERATOR_AUDITOR), accept=False)
    stdout, _ = process.communicate(timeout=60)

    assert (process.returncode, json.loads(stdout)["error"]["code"]) == (1, "login.denied")
    assert not desk.file.exists()


def test_a_person_whom_moyai_does_not_know_is_not_signed_in(
    live_app: LiveApp, municipality: UUID, terminal: Callable[[str], Terminal], browser: Browser
) -> None:
    stranger = live_app.person(live_app.municipality("432105", "菊池市"), Role.TENANT_OWNER)
    desk = terminal("desk")
    process = desk.begin("login", "--server", live_app.url, "--realm", "432083")
    confirm(browser, shown_address(process), stranger)
    process.communicate(timeout=60)

    assert process.returncode == 1
    assert not desk.file.exists()


def test_the_client_has_no_other_way_in(live_app: LiveApp, installation: Installation) -> None:
    person = live_app.operator(Role.OPERATOR_AUDITOR)
    endpoints = httpx.get(f"{live_app.url}/login/operator/device").json()
    token = endpoints["token_endpoint"]
    ways = [
        {"grant_type": "password", "username": person.email, "password": PASSWORD, "scope": "openid"},
        {"grant_type": "client_credentials"},
        {"grant_type": DEVICE_GRANT, "device_code": "x"},
    ]
    for way in ways:
        assert httpx.post(token, data={"client_id": "moyai-cli", **way}).status_code in (400, 401), way
    # PKCE is asked for, and the browser's flow is closed to this client.
    without = {"client_id": "moyai-cli", "scope": "openid"}
    assert httpx.post(endpoints["device_authorization_endpoint"], data=without).status_code == 400
    flow = {"client_id": "moyai-cli", "response_type": "code", "redirect_uri": f"{live_app.url}/login/callback"}
    assert httpx.get(token.replace("/token", "/auth"), params=flow).status_code == 400


def test_a_sign_in_that_asks_for_an_offline_token_ends_like_any_other(live_app: LiveApp, browser: Browser) -> None:
    found = httpx.get(f"{live_app.url}/login/operator/device").json()
    device = DeviceLogin(DeviceEndpoints.model_validate(found | {"scope": "openid offline_access"}))
    code = device.begin()
    assert code.verification_uri_complete is not None
    confirm(browser, code.verification_uri_complete, live_app.operator(Role.OPERATOR_AUDITOR))

    tokens = device.finish(code)

    claims = json.loads(urlsafe_b64decode(tokens.refresh_token.split(".")[1] + "=="))
    assert (claims["typ"], "offline" in claims["scope"]) == ("Refresh", False)
    assert claims["exp"] - claims["iat"] <= 1800


def test_two_commands_at_once_renew_one_token(live_app: LiveApp, terminal: Callable[[str], Terminal]) -> None:
    desk = terminal("desk")
    log_in(desk, live_app, live_app.operator(Role.OPERATOR_AUDITOR))
    login = desk.file.read()
    assert login is not None
    desk.file.write(login.model_copy(update={"tokens": login.tokens.model_copy(update={"expires_at": 0.0})}))
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(desk("whoami")[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert codes == [0, 0]
