"""`moyai keys` on files, and the session secret that hosts share. No server is asked."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from admin.operations.keys import backend_keys, create_keys
from admin.operations.settings import Settings
from governance.kernel.errors import Invalid
from tests.admin.cli.command_line import Moyai

ACCOUNTS = ["people.pem", "clients.pem", "reconciler.pem", "console.pem"]


def _settings(home: Path, **given: str) -> Settings:
    return Settings.from_environment({"MOYAI_HOME": str(home), **given})


def test_two_homes_with_one_folder_of_keys_have_the_same_keys_and_session_secret(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    first, second = (_settings(tmp_path / name, MOYAI_KEYS_DIR=str(shared)) for name in ("a", "b"))

    assert create_keys(first) == [*ACCOUNTS, "session.secret"]
    assert create_keys(second) == []

    assert backend_keys(first).jwks == backend_keys(second).jwks
    assert first.session_secret == second.session_secret
    assert first.audit_files.key_file == second.audit_files.key_file == shared / "audit.key"
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in shared.iterdir()} == {0o600}
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


def test_two_homes_of_their_own_have_nothing_in_common(tmp_path: Path) -> None:
    first, second = (_settings(tmp_path / name) for name in ("a", "b"))

    assert backend_keys(first).jwks != backend_keys(second).jwks
    assert first.session_secret != second.session_secret


def test_moving_to_a_shared_folder_keeps_the_session_secret_so_that_nobody_is_signed_out(tmp_path: Path) -> None:
    before = _settings(tmp_path / "a").session_secret

    moved = _settings(tmp_path / "a", MOYAI_KEYS_DIR=str(tmp_path / "shared"))
    create_keys(moved)

    assert moved.session_secret == before


def test_in_a_folder_that_hosts_share_no_key_is_made_unless_asked_for(tmp_path: Path) -> None:
    unmounted = tmp_path / "mnt"
    unmounted.mkdir()
    settings = _settings(tmp_path / "a", MOYAI_KEYS_DIR=str(unmounted))

    with pytest.raises(Invalid) as no_key:
        backend_keys(settings)
    with pytest.raises(Invalid) as no_secret:
        _ = settings.session_secret

    assert (no_key.value.code, no_secret.value.code) == ("keycloak.key_missing", "settings.session_secret_missing")
    assert no_secret.value.field == "MOYAI_KEYS_DIR"
    assert list(unmounted.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"too short\n", b"x" * 31, b"two words " * 9, "秘密".encode() * 20])
def test_a_file_that_holds_no_session_secret_is_refused_and_its_content_not_repeated(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)

    with pytest.raises(Invalid) as refusal:
        _ = _settings(tmp_path / "a", MOYAI_SESSION_SECRET_FILE=str(file)).session_secret

    assert refusal.value.code == "settings.session_secret_unreadable"
    assert refusal.value.field == "MOYAI_SESSION_SECRET_FILE"
    assert not content or content.decode() not in refusal.value.text("ja") + refusal.value.text("en")


@pytest.mark.slow
def test_up_names_a_missing_key_file_and_starts_nothing(tmp_path: Path) -> None:
    given = {"MOYAI_HOME": str(tmp_path / "home"), "MOYAI_KEYS_DIR": str(tmp_path / "mnt")}
    moyai = Moyai({**given, "MOYAI_EXAMPLE": "1"})

    code, answer, _ = moyai("up")

    assert (code, answer["error"]["code"]) == (2, "settings.session_secret_missing")
    assert str(tmp_path / "mnt" / "session.secret") in answer["error"]["message"]
    assert not (tmp_path / "home" / "postgresql").exists()
    assert not (tmp_path / "mnt").exists()


def test_keys_cannot_be_made_where_the_folder_cannot_be_written_and_the_folder_is_named(tmp_path: Path) -> None:
    taken = tmp_path / "mnt"
    taken.write_text("not a folder")
    moyai = Moyai({"MOYAI_HOME": str(tmp_path / "home"), "MOYAI_KEYS_DIR": str(taken / "keys")})

    code, answer, _ = moyai("keys", "create")

    assert (code, answer["error"]["code"]) == (2, "keycloak.keys_not_written")
    assert str(taken / "keys") in answer["error"]["message"]
    assert taken.read_text() == "not a folder"
    assert not (tmp_path / "home").exists()


def test_the_list_has_each_client_with_its_public_key_and_no_private_part(tmp_path: Path) -> None:
    moyai = Moyai({"MOYAI_HOME": str(tmp_path / "home"), "MOYAI_KEYS_DIR": str(tmp_path / "keys")})
    assert moyai("keys", "list")[1]["error"]["code"] == "keycloak.key_missing"

    assert moyai("keys", "create")[1] == {"made": [*ACCOUNTS, "session.secret"]}
    code, answer, _ = moyai("keys", "list")

    assert code == 0
    assert [(key["client_id"], key["state"]) for key in answer["keys"]] == [
        ("moyai-people", "current"),
        ("moyai-clients", "current"),
        ("moyai-reconciler", "current"),
        ("moyai-console", "current"),
    ]
    assert all(key["public_key"].keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in answer["keys"])
    assert len(moyai.text("keys", "list")[1].splitlines()) == 4
