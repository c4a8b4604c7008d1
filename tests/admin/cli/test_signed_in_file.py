"""The file of a sign-in: who may read it, one renewal at a time, and nothing done as the machine while it is there."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from admin.identity.saved_login import DeviceTokens, Login, LoginFile
from governance.kernel.errors import NotAllowed
from tests.admin.cli.command_line import Moyai
from tests.admin.signed_in import saved_login
from tests.database_rows import rows

SERVER = "https://moyai.example.jp"
POOL = ("cost", "pool", "running", "--label", "運営経費", "--rule", "running-cost")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoginFile:
    folder = tmp_path / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return LoginFile({"XDG_CONFIG_HOME": str(folder)})


def renewed(number: int) -> DeviceTokens:
    return saved_login(SERVER, f"access-{number}").tokens.model_copy(update={"refresh_token": f"refresh-{number}"})


def test_only_its_owner_reads_it(file: LoginFile) -> None:
    file.write(saved_login(SERVER, "access"))

    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert "access" not in repr(file.read()).replace("access_token", "")


def test_it_stands_below_the_home_folder_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    for environment in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert LoginFile(environment).path == tmp_path / ".config/moyai/login.json"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda path: path.chmod(0o640), "login.file_not_private"),
        (lambda path: path.write_text("{}"), "login.file_unreadable"),
        (lambda path: path.write_text("x"), "login.file_unreadable"),
    ],
)
def test_a_spoilt_file_is_refused_until_it_is_removed(file: LoginFile, moyai: Moyai, spoil: object, code: str) -> None:
    file.write(saved_login(SERVER, "access"))
    assert callable(spoil)
    spoil(file.path)

    assert moyai.refusal(*POOL)[:2] == (1, code)
    assert moyai.refusal("whoami")[:2] == (1, code)
    assert moyai("logout")[:2] == (0, {"server": None})
    assert not file.exists()
    assert rows("cost_pool") == []


def test_a_token_in_force_is_used_and_one_that_ends_is_renewed_once(file: LoginFile) -> None:
    file.write(saved_login(SERVER, "access"))
    asked: list[str] = []

    def renew(login: Login) -> DeviceTokens:
        asked.append(login.tokens.refresh_token)
        return renewed(len(asked))

    assert file.access_token(renew) == "access"
    file.write(saved_login(SERVER, "access", seconds=9))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(file.access_token(renew))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (asked, set(found)) == (["refresh"], {"access-1"})
    kept = file.read()
    assert kept is not None
    assert kept.tokens.refresh_token == "refresh-1"


@pytest.mark.parametrize("refresh_seconds", [-1, 600])
def test_a_sign_in_that_ended_stays_until_somebody_leaves(file: LoginFile, refresh_seconds: int) -> None:
    file.write(saved_login(SERVER, "access", seconds=0, refresh_seconds=refresh_seconds))

    with pytest.raises(NotAllowed) as refusal:
        file.access_token(lambda login: None)

    assert refusal.value.code == "login.ended"
    assert file.exists()


HAND_WRITTEN = [
    ("ledger", "export", "--format", "hledger"),
    ("audit", "verify"),
    ("audit", "reset-tips", "--reason", "理由"),
    ("backup", "b"),
    ("restore", "b"),
    ("tenant", "show", "430005"),
    ("mail", "list"),
    ("notice", "show", "2025-01-431001"),
    ("allocation", "show", "2025"),
    ("cohort", "apply", "fy2025", "--digest", "x"),
    ("operator", "register", "430005", "--name", "熊本県", "--kana", "クマモトケン"),
]


@pytest.mark.parametrize("words", HAND_WRITTEN, ids=" ".join)
def test_what_is_for_the_machine_is_not_done_while_somebody_is_signed_in(
    file: LoginFile, moyai: Moyai, words: tuple[str, ...]
) -> None:
    before = rows("audit_event")
    file.write(saved_login(SERVER, "access"))

    code, answer, _ = moyai(*words)

    assert (code, answer["error"]["code"]) == (1, "cli.not_over_api")
    assert SERVER in answer["error"]["message"]
    assert rows("audit_event") == before


def test_a_server_that_is_away_is_exit_code_3_and_nobody_else_acts(file: LoginFile, moyai: Moyai) -> None:
    before = rows("audit_event")
    file.write(saved_login("http://127.0.0.1:1", "access"))

    assert moyai.refusal(*POOL)[:2] == (3, "cli.server_unreachable")
    assert moyai.refusal("whoami")[:2] == (3, "cli.server_unreachable")
    assert (rows("cost_pool"), rows("audit_event")) == ([], before)


def test_leaving_removes_the_file_though_the_identity_server_is_away(file: LoginFile, moyai: Moyai) -> None:
    login = saved_login(SERVER, "access")
    endpoints = login.endpoints.model_copy(
        update=dict.fromkeys(
            ("device_authorization_endpoint", "token_endpoint", "end_session_endpoint"), "http://127.0.0.1:1/x"
        )
    )
    file.write(login.model_copy(update={"endpoints": endpoints}))

    assert moyai.refusal("logout")[:2] == (3, "login.keycloak_unreachable")
    assert not file.exists()
    assert moyai("logout")[:2] == (0, {"server": None})


def test_signing_in_twice_is_refused(file: LoginFile, moyai: Moyai) -> None:
    file.write(saved_login(SERVER, "access"))

    assert moyai.refusal("login", "--server", SERVER)[:2] == (1, "login.already")
    assert moyai.refusal("login", "--server", "http://moyai.example.jp")[:2] == (1, "login.already")
    file.remove()
    assert moyai.refusal("login", "--server", "http://moyai.example.jp") == (2, "login.insecure_address", "--server")


def test_nobody_signed_in_is_the_user_of_the_machine(moyai: Moyai) -> None:
    code, who, _ = moyai("whoami")

    assert (code, who["server"], who["id"][:4], who["kind"]) == (0, None, "cli:", "system")
