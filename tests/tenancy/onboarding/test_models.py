"""What a finished step did, as rows of every version have it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tenancy.onboarding.models import StepEffect, StepOutcome

PERSON = UUID("01920000-0000-7000-8000-000000000001")
VERSION = UUID("01920000-0000-7000-8000-000000000002")


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (
            {"deed": "created", "organization": "kc-1", "changes": []},
            StepOutcome(effect=StepEffect.CREATED, organization="kc-1", changes=()),
        ),
        ({"deed": "changed", "people": 3}, StepOutcome(effect=StepEffect.CHANGED, people=3)),
        ({"deed": "sent", "people": [str(PERSON)]}, StepOutcome(effect=StepEffect.SENT, mailed=(PERSON,))),
        ({"deed": "kept", "version": str(VERSION)}, StepOutcome(effect=StepEffect.KEPT, agreement=VERSION)),
        (
            {"deed": "kept", "quotas": {"users": 10, "api_calls": None}},
            StepOutcome(effect=StepEffect.KEPT, quotas={"users": 10, "api_calls": None}),
        ),
    ],
)
def test_rows_of_version_0_1_are_read(stored: dict[str, Any], read: StepOutcome) -> None:
    assert StepOutcome.model_validate(stored) == read


@pytest.mark.parametrize(
    "outcome",
    [
        StepOutcome(effect=StepEffect.SENT, mailed=(PERSON,)),
        StepOutcome(effect=StepEffect.CREATED, people=50),
        StepOutcome(effect=StepEffect.KEPT),
    ],
)
def test_what_is_stored_now_is_read_again(outcome: StepOutcome) -> None:
    stored = outcome.model_dump(mode="json", exclude_defaults=True)

    assert StepOutcome.model_validate(stored) == outcome
    assert None not in stored.values()


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    assert StepOutcome.model_validate({"effect": "kept", "colour": "blue"}) == StepOutcome(effect=StepEffect.KEPT)
