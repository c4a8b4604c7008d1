"""The cohort plan's JSON and its digest, whose form `moyai.cohort-plan/1` must not change."""

from __future__ import annotations

from uuid import UUID

from admin.workflows.cohort_plan import CohortPlan, ShareChange, plan_digest
from tenancy.onboarding.plan import Action, OnboardingPlan, ResourceChange, Target
from tenancy.onboarding.steps import StepName

INTENTS = "sha256:" + "0" * 64
TENANTS = (
    OnboardingPlan(
        code="431001",
        name="熊本市",
        changes=(
            ResourceChange(where=Target.KEYCLOAK, object="organization t-00000001", action=Action.CREATE),
            ResourceChange(
                where=Target.KEYCLOAK, object="role group tenant-owner", action=Action.CHANGE, fields=("roles",)
            ),
            ResourceChange(where=Target.MOYAI, object="membership", action=Action.KEEP),
        ),
        missing=(StepName.FIRST_OWNER,),
    ),
    OnboardingPlan(code=None, name="組合", changes=(), missing=()),
)
SHARES = (
    ShareChange(
        code="431001", name="熊本市", is_joining=True, before_yen=0, after_yen=5_907_051, tenant_id=UUID(int=1)
    ),
    ShareChange(code="432148", name="阿蘇市", is_joining=False, before_yen=100, after_yen=90, tenant_id=UUID(int=2)),
)
DIGEST = "sha256:0841200c6661666964872b1db49cb6762e7ffddebd8462b07d8105dbb65def2a"
"""As version 0.1.0 computed it."""


def test_a_plan_has_the_digest_that_the_first_version_gave_it() -> None:
    assert plan_digest("r7", TENANTS, SHARES, INTENTS) == DIGEST


def test_whatever_the_plan_shows_is_in_its_digest() -> None:
    fewer = plan_digest("r7", TENANTS[:1], SHARES, INTENTS)
    cheaper = plan_digest("r7", TENANTS, SHARES[:1], INTENTS)
    other = plan_digest("r8", TENANTS, SHARES, INTENTS)
    stale = plan_digest("r7", TENANTS, SHARES, "sha256:" + "1" * 64)

    assert len({DIGEST, fewer, cheaper, other, stale}) == 5


def test_a_plan_is_printed_as_the_contract_has_it() -> None:
    plan = CohortPlan(
        digest=DIGEST,
        cohort="r7",
        fiscal_year=2025,
        tenants=TENANTS,
        shares=SHARES,
        shares_refused=None,
        intents_digest=INTENTS,
    )

    assert plan.model_dump(mode="json") == {
        "digest": DIGEST,
        "tenants": [
            {
                "code": "431001",
                "changes": [
                    {"where": "keycloak", "object": "organization t-00000001", "action": "create"},
                    {"where": "keycloak", "object": "role group tenant-owner", "action": "change"},
                    {"where": "moyai", "object": "membership", "action": "keep"},
                ],
            },
            {"code": None, "changes": []},
        ],
        "shares": [
            {"code": "431001", "before_yen": 0, "after_yen": 5_907_051},
            {"code": "432148", "before_yen": 100, "after_yen": 90},
        ],
    }
