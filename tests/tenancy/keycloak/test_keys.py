"""The keys of Moyai's own accounts as files: made, shared, rotated and interrupted. No Keycloak."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.kernel.errors import Invalid
from tenancy.keycloak.keys import AccountKey, KeyState, SigningKey, key_ids, load_keys, load_or_create_keys

RSA = "-----BEGIN " + "PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


@pytest.fixture
def key(tmp_path: Path) -> AccountKey:
    """The key of one account, made."""
    made = AccountKey(tmp_path, "people")
    made.create()
    return made


def test_the_public_set_is_the_same_text_for_the_same_keys_and_names_each(key: AccountKey) -> None:
    key.create(KeyState.NEXT)
    both = {found.kid for found in key.published.values()}

    assert len(both) == 2
    assert key_ids(key.public_jwks) == both
    assert key.public_jwks == AccountKey(key.folder, "people").public_jwks
    assert key_ids(key.jwks_without(frozenset({key.kid}))) == both - {key.kid}
    assert '"d"' not in key.public_jwks


@pytest.mark.parametrize(
    ("text", "ids"),
    [(None, set()), ("", set()), ("no json", {"?"}), ("{}", {"?"}), ('{"keys":[{"kty":"EC"}]}', {"?"})],
)
def test_a_key_set_of_somebody_else_is_never_taken_for_none(text: str | None, ids: set[str]) -> None:
    assert key_ids(text) == ids


def test_a_running_process_signs_with_the_next_key_from_the_moment_it_is_put_in_use(key: AccountKey) -> None:
    running, before = AccountKey(key.folder, "people"), key.kid
    assert running.kid == before
    key.create(KeyState.NEXT)
    following = key.published[KeyState.NEXT].kid
    assert running.kid == before

    key.use_next()

    assert running.kid == following
    assert {state: one.kid for state, one in running.published.items()} == {"current": following, "former": before}
    key.remove_former()
    assert running.published.keys() == {KeyState.CURRENT}


def test_putting_in_use_that_is_killed_between_its_two_files_is_completed_by_the_next_try(
    key: AccountKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    key.create(KeyState.NEXT)
    before, following = key.kid, key.published[KeyState.NEXT].kid

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            key.use_next()
    assert key.kid == before
    assert key_ids(key.public_jwks) == {before, following}

    key.use_next()

    assert {state: one.kid for state, one in key.published.items()} == {"current": following, "former": before}


@pytest.mark.parametrize("step", [lambda key: key.create(KeyState.NEXT), AccountKey.remove_former])
def test_a_folder_that_cannot_be_written_is_a_refusal_that_names_it(
    tmp_path: Path, step: Callable[[AccountKey], None]
) -> None:
    key = AccountKey(tmp_path / "keys", "people")
    key.create()
    kid = key.kid
    moved = key.folder.rename(tmp_path / "moved")
    key.folder.write_text("not a folder")

    with pytest.raises(Invalid) as refusal:
        step(key)

    assert refusal.value.code == "keycloak.keys_not_written"
    assert refusal.value.facts["path"] == str(key.folder)
    assert AccountKey(moved, "people").kid == kid


def test_making_again_changes_no_key(key: AccountKey) -> None:
    before = key.kid
    key.create()
    assert AccountKey(key.folder, "people").kid == before


def _empty(path: Path) -> None:
    path.write_text("")


def _cut(path: Path) -> None:
    path.write_text(path.read_text()[:80])


def _public(path: Path) -> None:
    path.write_text(RSA)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_empty, _cut, _public, _folder])
def test_a_file_that_holds_no_key_is_refused_by_its_name_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    load_or_create_keys(tmp_path)
    wrong = tmp_path / "console.pem"
    spoil(wrong)
    before = sorted(os.listdir(tmp_path)), None if wrong.is_dir() else wrong.read_text()

    for load in (load_keys, load_or_create_keys):
        with pytest.raises(Invalid) as refusal:
            load(tmp_path)
        assert refusal.value.code == "keycloak.key_unreadable"
        assert str(wrong) in refusal.value.text("en")
    assert before == (sorted(os.listdir(tmp_path)), None if wrong.is_dir() else wrong.read_text())


def test_a_missing_key_is_refused_by_its_name_and_none_is_made(tmp_path: Path) -> None:
    load_or_create_keys(tmp_path)
    (tmp_path / "clients.pem").unlink()

    with pytest.raises(Invalid) as refusal:
        load_keys(tmp_path)

    assert refusal.value.code == "keycloak.key_missing"
    assert str(tmp_path / "clients.pem") in refusal.value.text("ja")
    assert not (tmp_path / "clients.pem").exists()


def test_a_key_whose_folder_is_gone_for_a_moment_goes_on_signing(key: AccountKey) -> None:
    kid = key.kid
    key.path().rename(key.folder / "elsewhere")

    assert key.kid == kid
    assert isinstance(key.current, SigningKey)
