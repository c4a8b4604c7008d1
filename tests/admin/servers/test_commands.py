"""`moyai up`, `down`, `status` on servers that exist elsewhere, and what is said when they do not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any, Final

import pytest

from admin.operations.settings import Settings
from tests.admin.cli.command_line import Moyai as CommandLine
from tests.ports import find_free_port
from tests.servers import PostgreSQL, own_unprivileged, unprivileged
from tests.tenancy.keycloak.installation import Installation

WRONG_SETTINGS: Final = (
    ("MOYAI_PORT", "80"),
    ("MOYAI_PORT", "65532"),
    ("MOYAI_PORT", "８７００"),
    ("MOYAI_PORT", "-1"),
    ("MOYAI_EXAMPLE", "yes"),
    ("MOYAI_PUBLIC_URL", "moyai.example.jp"),
    ("DATABASE_URL", "mysql://root:hidden-word@localhost/moyai"),
    ("KEYCLOAK_URL", "ftp://localhost"),
    ("SMTP_URL", "mail.example.jp"),
    ("MOYAI_HOME", "/dev/null"),
    ("MOYAI_KEYCLOAK_CLIENT_SECRET", "alone"),
)


class Moyai:
    """The command line on one home, with settings of its own."""

    def __init__(self, settings: Settings, **given: str) -> None:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("MOYAI_", "KC_"))}
        self._environment = kept | settings.as_environment() | given
        self._folder = settings.home.parent

    def __call__(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, the object on standard output, and what was said on standard error."""
        command = [sys.executable, "-m", "admin.cli", *words, "--json"]
        if self._environment["MOYAI_EXAMPLE"] == "0":
            command = unprivileged(command, self._folder)
        done = subprocess.run(
            command,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.keycloak
def test_servers_that_exist_elsewhere_are_used_and_none_is_started(
    settings: Settings, postgresql: PostgreSQL, database_name: str, installation: Installation
) -> None:
    keycloak_server = installation.server
    shared = settings.home.parent / "shared"
    servers = {
        **postgresql.urls(database_name),
        "MOYAI_MIGRATION_URL": postgresql.owner_url(database_name),
        "KEYCLOAK_URL": keycloak_server.url,
    }
    # A host that has not been given the installation's keys could sign nobody in; it says so and runs nothing.
    code, answer, _ = Moyai(settings, **servers)("up")
    assert (code, answer["error"]["code"]) == (1, "keycloak.keys_not_accepted")
    shutil.copytree(installation.home / "keys", shared)
    own_unprivileged(shared)
    moyai = Moyai(settings, **servers, MOYAI_KEYS_DIR=str(shared))
    assert moyai("keys", "create")[1] == {"made": ["session.secret"]}
    try:
        code, started, messages = moyai("up")
        again, _, _ = moyai("status")
    finally:
        stopped, _, _ = moyai("down")

    assert (code, again, stopped) == (0, 0, 0), messages
    assert started["postgresql"] == {"version": "18.4", "embedded": False, "ready": True}
    assert started["keycloak"]["embedded"] is False
    assert started["keycloak"]["ready"] is True
    assert started["web"]["ready"]
    assert started["worker"]["ready"]
    assert not (settings.home / "postgresql").exists()
    assert not list(settings.home.glob("keycloak-*"))
    # What serves elsewhere goes on serving.
    assert postgresql.server.version() == "18.4"
    assert keycloak_server.server.is_ready()


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_named_and_nothing_is_left_running(settings: Settings) -> None:
    nowhere = f"postgresql+psycopg://moyai_app:hidden-word@127.0.0.1:{find_free_port()}/moyai"
    moyai = Moyai(settings, DATABASE_URL=nowhere, KEYCLOAK_URL="http://localhost:1")

    code, answer, messages = moyai("up")
    code_of_status, status, _ = moyai("status")

    assert code == 3
    assert answer["error"]["code"] == "servers.database_unreachable"
    assert answer["error"]["field"] == "DATABASE_URL"
    assert "hidden-word" not in json.dumps(answer) + messages
    assert code_of_status == 3
    assert status["postgresql"] == {"version": None, "embedded": False, "ready": False}
    assert moyai("down")[1] == {"stopped": False}


@pytest.mark.slow
def test_status_of_a_home_that_is_not_there_makes_nothing(settings: Settings) -> None:
    code, status, _ = Moyai(settings)("status")

    assert code == 3
    assert [status[part]["ready"] for part in ("web", "postgresql", "keycloak", "worker")] == [False] * 4
    assert status["mail"] == {"delivers": False}
    assert not settings.home.exists()


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({}, {"mail"}),
        ({"SMTP_URL": "smtp://mail.example"}, set()),
        ({"MOYAI_EXAMPLE": "1"}, {"mail", "sign-in"}),
        ({"MOYAI_EXAMPLE": "1", "MOYAI_SECOND_FACTOR": "1"}, {"mail"}),
    ],
)
def test_status_says_where_invitations_do_not_arrive_and_no_second_factor_is_required(
    settings: Settings, given: dict[str, str], lines: set[str]
) -> None:
    environment = {**settings.as_environment(), "MOYAI_EXAMPLE": "0", **given}

    said = dict(line.split(None, 1) for line in CommandLine(environment).text("status")[1].splitlines())
    status = CommandLine(environment)("status")[1]

    assert said.keys() & {"mail", "sign-in"} == lines
    assert "招待メールは届きません" in said.get("mail", "招待メールは届きません")
    assert status["mail"]["delivers"] is ("mail" not in lines)
    assert status["second_factor"]["required"] is ("sign-in" not in lines)


@pytest.mark.slow
def test_down_where_nothing_runs_is_done_at_once(settings: Settings) -> None:
    code, answer, _ = Moyai(settings)("down")

    assert (code, answer) == (0, {"stopped": False})
    assert not settings.home.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "given"), WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_by_its_name(settings: Settings, name: str, given: str) -> None:
    code, answer, _ = Moyai(settings, **{name: given})("status")

    assert code == 2
    assert answer["error"]["field"] == name.replace("_SECRET", "_ID")
    assert "hidden-word" not in json.dumps(answer)
    assert not settings.home.exists()


@pytest.mark.slow
def test_a_wrong_option_answers_as_an_object_too(settings: Settings) -> None:
    code, answer, _ = Moyai(settings)("status", "--loud")

    assert code == 2
    assert answer["error"]["code"] == "usage"
    assert "--loud" in answer["error"]["message"]
