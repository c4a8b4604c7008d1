"""The main job on the example, whole: who takes part, what it costs, that again changes nothing."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from admin.example import seed_data
from admin.example.accounts import client_accounts, create_accounts
from admin.example.load import ExampleLoader, LoadResult, share_table
from admin.example.municipalities import by_population, first_members, second_members
from admin.operations.settings import Settings
from admin.workflows.cohort_plan import apply_plan, plan_cohort
from admin.workflows.drift import find_drift
from billing.runs.states import RunKind, RunState
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import NotAllowed, Stale
from tenancy.keycloak.adapter import KeycloakIdentities
from tests import servers
from tests.tenancy.keycloak.installation import Installation
from tests.tenancy.onboarding.conftest import captured_mail

THIRTEEN = [
    "431001",
    "432024",
    "432156",
    "432067",
    "432164",
    "432130",
    "432041",
    "432083",
    "432105",
    "434043",
    "432113",
    "434035",
    "434434",
]
EIGHT = ["432032", "432148", "432121", "432059", "434418", "434825", "433683", "435147"]


@pytest.fixture
def settings(
    installation: Installation, postgresql: servers.PostgreSQL, database_name: str, tmp_path: Path
) -> Iterator[Settings]:
    """The session's Keycloak with a home of this test's own for the example's files, and mail that is kept."""
    environment = {
        **installation.environment(),
        "MOYAI_HOME": str(installation.home),
        **postgresql.urls(database_name),
        "MOYAI_EXAMPLE": "1",
    }
    with captured_mail(installation, tmp_path):
        yield Settings.from_environment(environment)


@pytest.fixture
def job(database: Flask, settings: Settings, identities: KeycloakIdentities) -> ExampleLoader:
    return ExampleLoader(database, settings, identities, progress=lambda line: None, wait=lambda seconds: None)


def test_the_rule_picks_thirteen_and_then_eight_by_the_census() -> None:
    assert len(by_population()) == 45
    assert [one.code for one in first_members()] == THIRTEEN
    assert [one.code for one in second_members()] == EIGHT


def test_without_the_example_nothing_is_loaded_and_no_account_listed(
    database: Flask, postgresql: servers.PostgreSQL, database_name: str, tmp_path: Path
) -> None:
    settings = Settings.from_environment({"MOYAI_HOME": str(tmp_path), **postgresql.urls(database_name)})
    for refused in (
        lambda: ExampleLoader(database, settings, None, progress=print, wait=lambda seconds: None),  # type: ignore[arg-type]
        lambda: create_accounts(settings),
        lambda: client_accounts(settings),
    ):
        with pytest.raises(NotAllowed) as refusal:
            refused()
        assert refusal.value.code == "example.not_here"
    assert _rows() == (0, 0)


@pytest.mark.keycloak
def test_the_main_job_from_nothing_to_twenty_one(
    job: ExampleLoader, settings: Settings, identities: KeycloakIdentities
) -> None:
    thirteen = job.load(13)
    assert thirteen.active == 13
    assert [(run.kind, run.state) for run in thirteen.runs] == [(RunKind.ESTIMATE, RunState.POSTED)]
    assert set(_shares(thirteen)) == set(THIRTEEN)
    _assert_adds_up(thirteen)
    stands_before = _rows()

    plan = plan_cohort(identities, seed_data.example_year().second_cohort[0])
    assert plan.digest == plan_cohort(identities, seed_data.example_year().second_cohort[0]).digest
    assert _rows() == stands_before
    assert {change.action.value for tenant in plan.tenants for change in tenant.changes} == {"create", "keep"}
    assert sum(share.is_joining for share in plan.shares) == 8
    assert all(share.after_yen < share.before_yen for share in plan.shares if not share.is_joining)
    with pytest.raises(Stale):
        apply_plan(identities, seed_data.example_year().second_cohort[0], "sha256:0", actor=seed_data.seed_operator())

    loaded = job.load(21)
    assert loaded.active == 21
    assert [(run.kind, run.state) for run in loaded.runs] == [
        (RunKind.ESTIMATE, RunState.POSTED),
        (RunKind.REVISION, RunState.POSTED),
    ]
    assert {share.code: share.after_yen for share in plan.shares} == _shares(loaded)
    assert {share.code: share.before_yen for share in plan.shares if not share.is_joining} == _shares(thirteen)
    _assert_adds_up(loaded)
    assert any("431001" in line and "5,106,238" in line for line in share_table(loaded))
    assert find_drift(identities, "431001").in_sync

    stands = _rows()
    again = job.load(21)
    assert _shares(again) == _shares(loaded)
    assert _rows() == stands

    accounts = create_accounts(settings)
    roles = [account.role for account in accounts]
    assert roles.count("tenant-owner") == 21
    assert {role for role in roles if role.startswith("operator-")} == {
        role.value for role, _ in seed_data.OPERATOR_ACCOUNTS
    }
    assert (roles.count("tenant-finance"), roles.count("tenant-member")) == (2, 2)
    assert len(client_accounts(settings)) == 21
    kept = settings.home / "example" / "accounts.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()).keys() == {account.username for account in accounts}


def _shares(loaded: LoadResult) -> dict[str | None, int]:
    return {share.code: share.share_yen for share in loaded.runs[-1].shares}


def _assert_adds_up(loaded: LoadResult) -> None:
    run = loaded.runs[-1]
    shares = sum(share.share_yen for share in run.shares)
    assert shares + run.operator_yen + run.operator_residual_yen == run.total_yen == seed_data.COST_YEN
    assert run.operator_yen == 12_000_000


def _rows() -> tuple[int, int]:
    """How much there is in the record and in the books."""
    with tenant_scope(OPERATOR):
        row = db.session.execute(
            text("SELECT (SELECT count(*) FROM audit_event), (SELECT count(*) FROM ledger_entry)")
        ).one()
    return int(row[0]), int(row[1])
