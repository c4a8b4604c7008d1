"""A real installation is not run as root: refused before anything is begun, with one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from admin.operations.process_user import AS_ROOT, refuse_root
from admin.operations.settings import Settings
from governance.kernel.errors import Conflict
from tests.admin.cli.command_line import Moyai
from tests.ports import find_free_port

NOWHERE = "postgresql://moyai:hidden-word@127.0.0.1:{port}/moyai"


@pytest.mark.parametrize(("real", "effective"), [(0, 0), (0, 1000), (1000, 0)])
@pytest.mark.parametrize("word", ["web", "worker", "migrate", "up", "run"])
def test_root_is_refused_with_one_sentence_and_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str, real: int, effective: int
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: real)
    monkeypatch.setattr(os, "geteuid", lambda: effective)
    url = NOWHERE.format(port=find_free_port())
    home = tmp_path / "home"
    moyai = Moyai(
        {
            "MOYAI_HOME": str(home),
            "MOYAI_EXAMPLE": "0",
            "DATABASE_URL": url,
            "MOYAI_TENANT_DATABASE_URL": url,
            "MOYAI_MIGRATION_URL": url,
            "KEYCLOAK_URL": "http://127.0.0.1:9",
        }
    )

    code, stdout, said = moyai.text(word)

    assert (code, stdout) == (1, "")
    assert AS_ROOT.en in said
    # One in each language.
    assert len(said.strip().splitlines()) == 2
    assert not home.exists()


@pytest.mark.parametrize("uid", [1000, 65534])
def test_anybody_else_is_not_refused(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(os, "geteuid", lambda: uid)

    refuse_root(Settings(example=False))


def test_the_example_may_be_tried_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)

    refuse_root(Settings(example=True))
    with pytest.raises(Conflict):
        refuse_root(Settings(example=False))
