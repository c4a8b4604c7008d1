"""参加手続: the progress of each tenant, step by step, and the decisions about steps that stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import either, gettext
from admin.features.onboarding.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms, read_form
from admin.interface.forms import Form
from admin.interface.history import newest_actions
from admin.interface.kept_forms import restored_form
from admin.interface.lists import query_enum
from admin.interface.page_endpoint import form_of
from admin.interface.pages import render_page, session
from governance.declaration import declared_field
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission, Role
from tenancy import directory
from tenancy.onboarding import queries
from tenancy.onboarding.commands import DecideStep, decide_step
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.steps import OnboardingKind, OnboardingState, StepName
from tenancy.tenants.queries import cohorts

pages = add_forms(Blueprint("onboarding", __name__, template_folder="templates"), ENTRY_POINTS)


@dataclass(frozen=True, slots=True)
class Progress:
    """Several onboardings at the time `now`, by the code of their tenants.

    `fragment_url` is the address of this part of the page, which htmx fetches again; `page_url` that of the whole page.
    """

    views: tuple[OnboardingView, ...]
    fragment_url: str
    page_url: str
    now: datetime

    @property
    def done(self) -> int:
        return sum(view.state is OnboardingState.DONE for view in self.views)

    @property
    def steps_done(self) -> int:
        return sum(view.steps_done for view in self.views)

    @property
    def steps(self) -> int:
        return sum(len(view.steps) for view in self.views)

    @property
    def stopped(self) -> list[OnboardingView]:
        """Those that cannot continue before a person decides or enters something."""
        return [view for view in self.views if view.state is not OnboardingState.DONE and view.is_blocked]

    @property
    def is_running(self) -> bool:
        """Whether one of them continues by itself, so that the page refreshes."""
        return any(view.state is not OnboardingState.DONE and not view.is_blocked for view in self.views)

    @property
    def elapsed(self) -> timedelta | None:
        """From the first start to the last end; to `now` while one is not done. None without any."""
        if not self.views:
            return None
        ends = [view.finished_at for view in self.views]
        last = self.now if None in ends else max(end for end in ends if end is not None)
        return last - min(view.requested_at for view in self.views)

    @property
    def expected(self) -> timedelta | None:
        """The time left at the average pace so far; None before the first step is done and after the last."""
        span = self.elapsed
        if span is None or not self.steps_done or self.steps_done == self.steps:
            return None
        return span * (self.steps - self.steps_done) / self.steps_done


@pages.get("/onboardings")
@requires(Permission.ONBOARDING_READ)
def onboardings() -> tuple[str, int]:
    """Everything in progress, or what is blocked at one step; then the cohorts, whose plans lead to the next ones.

    What brings later changes to Keycloak stands apart: the figures count tenants on their way in.
    """
    step = query_enum("step", StepName)
    return render_page(
        "onboarding/onboardings",
        progress=_in_progress(step),
        syncs=[view for view in _views(step) if view.kind is OnboardingKind.SYNC],
        step=step,
        cohorts=list(reversed(cohorts(session()))) if may(Permission.COHORT_READ) else [],
        counts=queries.count_by_state(session()),
    )


@pages.get("/onboardings/progress")
@requires(Permission.ONBOARDING_READ)
def onboardings_progress() -> tuple[str, int]:
    """The part of the page that changes while the steps run."""
    return render_page("onboarding/_progress", progress=_in_progress(query_enum("step", StepName)))


@pages.get("/onboardings/<uuid:onboarding_id>")
@requires(Permission.ONBOARDING_READ)
def onboarding(onboarding_id: UUID) -> tuple[str, int]:
    """One onboarding with each step: state, tries, why it waits, and what can be decided."""
    return _render_onboarding(onboarding_id, restored_form(), request.args.get("decided", ""))


@pages.post("/onboardings/<uuid:onboarding_id>/decide")
@requires(Permission.ONBOARDING_DECIDE)
@form_of("onboarding.onboarding")
def onboarding_deciding(onboarding_id: UUID) -> AnyResponse | tuple[str, int]:
    """Retry, skip or adopt a step, with the reason."""
    form = Form.from_request()
    # The name `step` is the button's in every form, so the choice of a step is called `name`.
    command = read_form(
        form,
        DecideStep,
        given={"onboarding_id": onboarding_id},
        values={"step": form.text("name")},
        spell=lambda field: "name" if field == "step" else field,
    )
    if command is not None:
        with form.collect_errors("step=name"):
            decide_step(command, actor=current_actor(), key=form.key)
            return redirect(
                url_for("onboarding.onboarding", onboarding_id=onboarding_id, decided=command.step.value), 303
            )
    return _render_onboarding(onboarding_id, form, "")


def progress_of_cohort(name: str) -> Progress:
    """The newest onboarding of each tenant of the cohort. Raises NotFound."""
    cohort = directory.cohort(session(), name)
    return _progress(
        queries.onboardings_of_cohort(session(), cohort.id),
        url_for("cohorts.cohort_progress", name=name),
        url_for("cohorts.cohort", name=name),
    )


def _in_progress(step: StepName | None) -> Progress:
    return _progress(
        [view for view in _views(step) if view.kind is OnboardingKind.JOINING],
        url_for("onboarding.onboardings_progress", step=step),
        url_for("onboarding.onboardings", step=step),
    )


def _views(step: StepName | None) -> tuple[OnboardingView, ...]:
    if step is None:
        return queries.onboardings_in_progress(session())
    return queries.onboardings_blocked_at(session(), step)


def _progress(views: Sequence[OnboardingView], fragment_url: str, page_url: str) -> Progress:
    ordered = sorted(views, key=lambda view: (view.code or "9", str(view.id)))
    return Progress(tuple(ordered), fragment_url, page_url, clock.now())


ENTERED_AT: Final[dict[StepName, tuple[Permission, Label, Callable[[UUID], str]]]] = {
    StepName.FIRST_OWNER: (
        Permission.MEMBER_ADD,
        Label("団体管理者を登録する", "Add an owner"),
        lambda tenant_id: url_for("people.member_adding", tenant_id=tenant_id, roles=Role.TENANT_OWNER.value),
    ),
    StepName.SERVICE_CLIENT: (
        Permission.CLIENT_REGISTER,
        Label("連携システムを登録する", "Register a service client"),
        lambda tenant_id: url_for("clients.client_registering", tenant_id=tenant_id),
    ),
    StepName.QUOTAS: (
        Permission.PLAN_ASSIGN,
        Label("利用プランを選ぶ", "Assign a plan"),
        lambda tenant_id: url_for("plans.plan_assigning", tenant_id=tenant_id),
    ),
    StepName.AGREEMENT: (
        Permission.AGREEMENT_ACCEPT,
        Label("同意を記録する", "Record the acceptance"),
        lambda tenant_id: url_for("tenants.tenant_documents", tenant_id=tenant_id),
    ),
}
"""Step that may wait for input → who enters it, the words, and where."""


@dataclass(frozen=True, slots=True)
class StepAction:
    """What the reader may do about a step: enter what it waits for, or decide what becomes of it."""

    verb: str
    address: str


def step_actions(view: OnboardingView) -> dict[StepName, list[StepAction]]:
    """The actions of each step that waits or failed, for whoever asks."""
    found: dict[StepName, list[StepAction]] = {}
    for step in view.steps:
        actions = found.setdefault(step.name, [])
        if step.needs_input and may(ENTERED_AT[step.name][0]):
            _, verb, address = ENTERED_AT[step.name]
            actions.append(StepAction(either(*verb), address(view.tenant_id)))
        if step.possible_decisions and may(Permission.ONBOARDING_DECIDE):
            address_of = url_for("onboarding.onboarding", onboarding_id=view.id, step=step.name.value)
            actions.append(StepAction(gettext("Decide what to do"), f"{address_of}#decide"))
    return found


def _render_onboarding(onboarding_id: UUID, form: Form | None, decided: str) -> tuple[str, int]:
    view = queries.onboarding(session(), onboarding_id)
    record = newest_actions(30, subject=str(view.id))
    asked = request.args.get("step", "") if form is None else form.text("name")
    decidable = next((step for step in view.steps if step.name == asked and step.possible_decisions), None)
    return render_page(
        "onboarding/onboarding",
        form=form,
        initial=form or Form.initial(),
        reason=declared_field(DecideStep, "reason"),
        decidable=decidable,
        actions=step_actions(view),
        view=view,
        tenant=directory.tenant_by_id(session(), view.tenant_id),
        decided=decided,
        record=record,
        now=clock.now(),
    )
