"""An installation without the extra `embedded`: what needs a package says which, and everything else works."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from admin.operations import assets, embedded_packages, keycloak_distribution, postgresql
from admin.operations.bring_up import bring_up
from admin.operations.settings import Settings
from admin.operations.supervisor import Supervisor
from governance.kernel.errors import Conflict


@pytest.fixture(autouse=True)
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in (embedded_packages.POSTGRESQL, embedded_packages.JAVA, embedded_packages.FETCHER):
        monkeypatch.setitem(sys.modules, package, None)


def test_each_embedded_server_says_what_to_install(tmp_path: Path) -> None:
    asked: dict[str, Callable[[], Path]] = {
        embedded_packages.POSTGRESQL: lambda: postgresql.client_program("pg_dump"),
        embedded_packages.JAVA: lambda: keycloak_distribution.java_home(None),
        embedded_packages.FETCHER: lambda: keycloak_distribution.prepare(
            tmp_path, java=Path("/opt/java"), progress=lambda text: None
        ),
    }
    for package, need in asked.items():
        with pytest.raises(Conflict) as refusal:
            need()

        assert refusal.value.message is embedded_packages.NOT_INSTALLED
        assert package in refusal.value.text("ja")
        assert "moyai[embedded]" in refusal.value.hint("ja")
        assert "moyai[embedded]" in refusal.value.hint("en")


def test_nothing_is_started_before_it_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    settings = Settings(home=tmp_path / "home", port=9700)
    with Supervisor(settings.home, said.append) as supervisor, pytest.raises(Conflict) as refusal:
        bring_up(supervisor, settings, said.append, migrate=lambda url: None, while_starting=lambda: None)

    assert refusal.value.message is embedded_packages.NOT_INSTALLED
    assert not (settings.home / "postgresql").exists()
    assert said == []


def test_the_script_of_the_console_may_be_put_there_by_hand(tmp_path: Path) -> None:
    place = assets.script_below(tmp_path)
    with pytest.raises(Conflict) as refusal:
        assets.fetch(tmp_path)
    assert str(place) in refusal.value.hint("ja")

    place.parent.mkdir()
    place.write_bytes(b"another script")
    with pytest.raises(Conflict):
        assets.fetch(tmp_path)
    assert place.read_bytes() == b"another script"
