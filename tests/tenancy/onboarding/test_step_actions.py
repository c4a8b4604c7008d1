"""What a step reports, of the steps that ask Keycloak nothing."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import pytest

from governance.kernel.ids import new_id
from tenancy.keycloak.port import Identities, OrganizationIntent
from tenancy.onboarding.intents import OnboardingIntent
from tenancy.onboarding.models import StepEffect, StepOutcome
from tenancy.onboarding.step_actions import run_step
from tenancy.onboarding.steps import StepName, StepResult
from tenancy.tenants.states import TenantState

VERSION = UUID("01920000-0000-7000-8000-000000000002")
NO_KEYCLOAK = cast(Identities, None)


def _intent(**entered: object) -> OnboardingIntent:
    tenant_id = new_id()
    values: dict[str, object] = {
        "tenant_id": tenant_id,
        "code": "431001",
        "name": "熊本市",
        "state": TenantState.PROVISIONING,
        "organization": OrganizationIntent(tenant_id, "431001", "熊本市"),
        "people": (),
        "service_clients": (),
        "quotas": (),
        "agreement": None,
    }
    return OnboardingIntent(**(values | entered))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("step", "entered", "outcome"),
    [
        (
            StepName.QUOTAS,
            {"quotas": (("users", 10), ("api_calls", None))},
            StepOutcome(effect=StepEffect.KEPT, quotas={"users": 10, "api_calls": None}),
        ),
        (StepName.AGREEMENT, {"agreement": str(VERSION)}, StepOutcome(effect=StepEffect.KEPT, agreement=VERSION)),
        (StepName.MEMBERSHIP, {}, StepOutcome(effect=StepEffect.CHANGED)),
        (StepName.MEMBERSHIP, {"state": TenantState.ACTIVE}, StepOutcome(effect=StepEffect.KEPT)),
        (StepName.PEOPLE, {}, StepOutcome(effect=StepEffect.KEPT, people=0)),
        (StepName.PASSWORD_MAIL, {}, StepOutcome(effect=StepEffect.KEPT)),
    ],
)
def test_a_step_with_all_it_needs_reports_its_effect(
    step: StepName, entered: dict[str, object], outcome: StepOutcome
) -> None:
    attempt = run_step(step, _intent(**entered), NO_KEYCLOAK, is_retry=False)

    assert (attempt.result, attempt.outcome, attempt.reason) == (StepResult.DONE, outcome, None)


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (StepName.FIRST_OWNER, "onboarding.owner_missing"),
        (StepName.SERVICE_CLIENT, "onboarding.client_missing"),
        (StepName.QUOTAS, "onboarding.quotas_missing"),
        (StepName.AGREEMENT, "onboarding.agreement_missing"),
    ],
)
def test_a_step_without_what_it_needs_says_what_is_missing(step: StepName, reason: str) -> None:
    attempt = run_step(step, _intent(), NO_KEYCLOAK, is_retry=False)

    assert (attempt.result, attempt.outcome, attempt.reason) == (StepResult.MISSING, None, reason)
