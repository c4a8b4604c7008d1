"""Who acts at the machine: the user of the real uid, whatever the environment says, and that user decides nothing."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from admin.operations.unprivileged import CAP_DAC_READ_SEARCH, command_as, searching_capability, server_user
from billing.runs.queries import run_summaries
from billing.runs.states import RunState
from governance import approvals
from governance.actors import command_line_actor
from governance.approvals.states import Decision
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.digest import digest_of
from governance.kernel.errors import NotAllowed
from governance.permissions import DECISIONS, Permission, permissions_of
from tests.admin.cli.command_line import Moyai
from tests.database_rows import recorded, rows
from tests.factories import THIRTEEN, Factory
from tests.servers import PostgreSQL

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"
CITY = ("tenant", "register", "--kind", "city", "--code", "431001", "--name", "熊本市", "--kana", "クマモトシ")
OTHER = ("tenant", "register", "--kind", "city", "--code", "432024", "--name", "八代市", "--kana", "ヤツシロシ")

Process = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def thirteen(factory: Factory) -> Factory:
    """Thirteen members and a cost to split."""
    factory.add_members(THIRTEEN)
    factory.adopt(factory.draft())
    factory.record(24_000_000)
    return factory


@pytest.fixture
def process(postgresql: PostgreSQL, database_name: str, tmp_path: Path) -> Process:
    """`moyai … --json` in a process of its own, with more variables, and as `nobody` where that is asked for."""

    def call(*words: str, as_nobody: bool = False, **variables: str) -> tuple[int, dict[str, Any]]:
        command = [sys.executable, "-m", "admin.cli", *words, "--json"]
        if as_nobody:
            user = server_user()
            assert user is not None
            command = command_as(user, searching_capability() or CAP_DAC_READ_SEARCH, command)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "HOME": str(tmp_path),
            "MOYAI_HOME": str(tmp_path / "home"),
            "DATABASE_URL": postgresql.app_url(database_name),
        }
        done = subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    return call


@pytest.mark.parametrize("variable", ["LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"])
def test_no_variable_changes_the_name(monkeypatch: pytest.MonkeyPatch, moyai: Moyai, variable: str) -> None:
    monkeypatch.setenv(variable, "bob")

    assert moyai(*CITY)[0] == 0

    assert [event.actor for event in recorded("tenant.registered")] == [ME]


def test_a_uid_without_a_name_acts_by_its_number(monkeypatch: pytest.MonkeyPatch, operator_tenant: Any) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_123_456)

    assert command_line_actor(operator_tenant).id == "cli:4123456"


def test_sudo_is_a_fact_of_the_event_and_nothing_more(monkeypatch: pytest.MonkeyPatch, moyai: Moyai) -> None:
    monkeypatch.setenv("SUDO_UID", "1042")
    moyai(*CITY)
    moyai(*CITY)
    monkeypatch.setenv("SUDO_UID", "bob; root")
    moyai(*OTHER)

    [done, other] = recorded("tenant.registered")
    [refused] = recorded("tenant.registered", "refused")
    assert (done.actor, done.facts["sudo_uid"]) == (ME, 1042)
    assert (refused.actor, refused.facts["sudo_uid"]) == (ME, 1042)
    assert "sudo_uid" not in other.facts


@pytest.mark.slow  # starts a program four times
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_two_uids_are_two_names_and_neither_decides(process: Process, thirteen: Factory) -> None:
    code, prepared = process("allocation", "prepare", "2025", LOGNAME="alice", USER="alice")
    assert code == 0
    words = ("allocation", "approve", prepared["run_id"], "--digest", prepared["digest"])

    by_root = process(*words, LOGNAME="bob", USER="bob")
    by_nobody = process(*words, as_nobody=True, LOGNAME="bob", USER="bob", SUDO_UID="0")
    process(*CITY, as_nobody=True)

    assert [(code, answer["error"]["code"]) for code, answer in (by_root, by_nobody)] == [
        (1, "permission.decided_by_people")
    ] * 2
    assert "cli:root" in by_root[1]["error"]["message"]
    assert "cli:nobody" in by_nobody[1]["error"]["message"]
    assert [event.actor for event in recorded("allocation.prepared")] == ["cli:root"]
    assert [event.actor for event in recorded("tenant.registered", "refused")] == ["cli:nobody"]
    assert rows("ledger_entry") == []
    with tenant_scope(OPERATOR):
        assert [run.state for run in run_summaries(db.session())] == [RunState.AWAITING_APPROVAL]


@pytest.mark.parametrize(
    ("name", "option", "value"), [("approve", "--digest", "sha256:0"), ("reject", "--reason", "理由")]
)
def test_the_machine_decides_no_run_of_anybody(
    moyai: Moyai, thirteen: Factory, name: str, option: str, value: str
) -> None:
    prepared = thirteen.prepare()
    before = rows("approval_request")

    code, answer, _ = moyai("allocation", name, str(prepared.run_id), option, value)

    assert (code, answer["error"]["code"]) == (1, "permission.decided_by_people")
    assert "moyai login" in answer["error"]["hint"]
    assert (rows("approval_request"), rows("ledger_entry")) == (before, [])


def test_the_roles_of_the_machine_hold_no_decision(operator_tenant: Any) -> None:
    actor = command_line_actor(operator_tenant)

    assert permissions_of(actor.roles) >= DECISIONS >= {Permission.ALLOCATION_APPROVE, Permission.QUOTA_DECIDE}
    assert not [permission for permission in DECISIONS if actor.may(permission)]


def test_an_approval_itself_refuses_the_machine(thirteen: Factory) -> None:
    prepared = thirteen.prepare()
    actor = command_line_actor(thirteen.actors.operator_tenant)

    with tenant_scope(OPERATOR), pytest.raises(NotAllowed) as refusal:
        approvals.decide(
            db.session(),
            actor,
            clock.now(),
            kind="allocation",
            subject_id=prepared.run_id,
            digest=digest_of({}),
            decision=Decision.APPROVED,
        )

    assert refusal.value.code == "permission.decided_by_people"
