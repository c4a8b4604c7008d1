"""What the queries of onboardings return, and what a finished step did."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, model_validator

from governance.kernel.labels import LabelledEnum
from governance.kernel.models import ReadModel
from tenancy.onboarding.steps import (
    COMPLETED_STATES,
    AwaitedFrom,
    OnboardingKind,
    OnboardingState,
    StepDecision,
    StepName,
    StepState,
    StepStatus,
    awaited_from,
    next_step,
    possible_decisions,
)


class StepEffect(LabelledEnum):
    """What a finished step did to its objects; `sent` is the password mail's."""

    CREATED = "created", "作成", "created"
    CHANGED = "changed", "変更", "changed"
    KEPT = "kept", "そのまま", "no change"
    SENT = "sent", "送信", "sent"


class StepOutcome(ReadModel):
    """What a finished step did, without personal data. A field that the step has nothing to say about is null."""

    # A row may have been written by a newer version during an upgrade.
    model_config = ConfigDict(extra="ignore")

    effect: StepEffect
    organization: str | None = None
    changes: tuple[str, ...] | None = None
    people: int | None = None
    mailed: tuple[UUID, ...] | None = None
    waiting: tuple[UUID, ...] | None = None
    service_clients: tuple[UUID, ...] | None = None
    quotas: dict[str, int | None] | None = None
    agreement: UUID | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_version_0_1(cls, stored: Any) -> Any:
        """Rows of version 0.1 say `deed` for effect, `version` for agreement, and list those mailed as `people`."""
        if not isinstance(stored, dict) or "deed" not in stored:
            return stored
        read = {name: value for name, value in stored.items() if name not in ("deed", "version", "people")}
        is_mail = isinstance(stored.get("people"), list)
        return read | {
            "effect": stored["deed"],
            "agreement": stored.get("version"),
            "mailed" if is_mail else "people": stored.get("people"),
        }


class StepView(ReadModel):
    """One step of an onboarding.

    `reason` is the code of what it waits for or failed with; `why` and `hint` say it in Japanese, `why_en` and
    `hint_en` in English. All are empty where there is nothing to say. `outcome` is null until the step is finished.
    """

    name: StepName
    state: StepState
    attempts: int
    retry_at: datetime | None
    reason: str | None
    why: str
    why_en: str
    hint: str
    hint_en: str
    needs_input: bool
    outcome: StepOutcome | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def awaited_from(self) -> AwaitedFrom | None:
        """Whom it waits for; None for a step that does not wait."""
        if self.state is not StepState.WAITING:
            return None
        return awaited_from(self.name, needs_input=self.needs_input)

    @property
    def possible_decisions(self) -> tuple[StepDecision, ...]:
        """What a person may decide about it now."""
        return possible_decisions(self.name, self.state, needs_input=self.needs_input)


class OnboardingView(ReadModel):
    """An onboarding with its steps in their order. `code` and `name` are the tenant's.

    `kind` says whether it brings the tenant in, with all the steps, or brings later changes to Keycloak, with those
    steps only that concern them.

    `retry_at` is when it continues by itself; null when it is done, or when only a person can help.
    """

    id: UUID
    tenant_id: UUID
    code: str | None
    name: str
    kind: OnboardingKind
    cohort_id: UUID | None
    state: OnboardingState
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None
    retry_at: datetime | None
    plan_digest: str | None
    steps: tuple[StepView, ...]

    @property
    def is_blocked(self) -> bool:
        """Whether no step can be tried before a person decides or enters something. True of one that is done."""
        statuses = {
            step.name: StepStatus(step.name, StepState.FAILED if step.needs_input else step.state)
            for step in self.steps
        }
        return next_step(statuses, self.requested_at) is None

    @property
    def awaited_from(self) -> AwaitedFrom | None:
        """Whom its first waiting step waits for; None where it does not wait as a whole."""
        if self.state is not OnboardingState.WAITING:
            return None
        return next((step.awaited_from for step in self.steps if step.awaited_from is not None), None)

    @property
    def steps_done(self) -> int:
        """How many steps are done or skipped."""
        return sum(step.state in COMPLETED_STATES for step in self.steps)

    @property
    def active_steps(self) -> list[StepView]:
        """The steps that are not completed and are running, failed, or have a reason to wait."""
        return [
            step
            for step in self.steps
            if step.state not in COMPLETED_STATES
            and (step.state in (StepState.FAILED, StepState.RUNNING) or step.reason is not None)
        ]

    def step(self, name: StepName) -> StepView:
        """The step of this name."""
        return next(step for step in self.steps if step.name is name)
