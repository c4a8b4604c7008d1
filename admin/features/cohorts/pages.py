"""参加計画: what taking a cohort in would do, to whom, and what each pays then; applied only as it was shown.

The plan is made anew for each look. Its digest goes with the form, so that what is applied is what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, may, requires
from admin.core.language import either, gettext
from admin.features.cohorts.entry_points import ENTRY_POINTS
from admin.features.onboarding.pages import progress_of_cohort
from admin.interface.audit_rows import AuditRow, audit_rows
from admin.interface.command_forms import add_forms
from admin.interface.forms import Form
from admin.interface.history import history, page_of_actions
from admin.interface.labels import dimension_label, role_label
from admin.interface.pages import keycloak, render_page, session
from admin.interface.share_changes import BeforeAfter, ShareChanges, share_changes
from admin.workflows.cohort_plan import CohortPlan, apply_plan, plan_cohort
from billing.runs.queries import RunSummary, run_summaries
from governance.agreements.queries import versions
from governance.audit.writer import AuditOutcome
from governance.events import Event
from governance.kernel import clock
from governance.kernel.errors import Conflict, Stale
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.keyset import PageRequest
from governance.permissions import Permission
from tenancy import directory
from tenancy.clients.queries import names_of_clients
from tenancy.keycloak.port import parse_service_client_name
from tenancy.onboarding.commands import NOT_READY, PLAN_STALE, STARTABLE
from tenancy.onboarding.plan import Action, OnboardingPlan
from tenancy.onboarding.queries import onboardings_of_cohort
from tenancy.people.queries import names_of_people
from tenancy.quotas.queries import dimensions
from tenancy.tenants.queries import cohorts as all_cohorts
from tenancy.tenants.states import TenantState

pages = add_forms(Blueprint("cohorts", __name__, template_folder="templates"), ENTRY_POINTS)

_IGNORED_EVENTS = ("session.",)


@pages.get("/cohorts")
@requires(Permission.COHORT_READ)
def cohorts() -> tuple[str, int]:
    """Every cohort, newest year first."""
    return render_page("cohorts/cohorts", cohorts=list(reversed(all_cohorts(session()))))


@pages.get("/cohorts/<name>")
@requires(Permission.COHORT_READ)
def cohort(name: str) -> tuple[str, int]:
    """How far a cohort is; `?applied=` shows that its plan was just applied."""
    return _render_part("cohorts/cohort", name, applied=request.args.get("applied", "")[:64])


@pages.get("/cohorts/<name>/related")
@requires(Permission.COHORT_READ)
def cohort_related(name: str) -> tuple[str, int]:
    """The tenants of a cohort, and the runs of its year."""
    year = directory.cohort(session(), name).fiscal_year
    return _render_part(
        "cohorts/cohort_related",
        name,
        part_title=gettext("Related"),
        members=directory.cohort_members(session(), name),
        runs=run_summaries(session(), fiscal_year=year) if may(Permission.ALLOCATION_READ) else None,
    )


@pages.get("/cohorts/<name>/history")
@requires(Permission.COHORT_READ)
def cohort_history(name: str) -> tuple[str, int]:
    """What was done about a cohort."""
    return _render_part("cohorts/cohort_history", name, actions_shown=50, part_title=gettext("History"), is_wide=True)


def _render_part(template: str, name: str, *, actions_shown: int = 5, **values: Any) -> tuple[str, int]:
    """A part of a cohort's page, with what every part has: how far it is, who defined it, and its last events."""
    found, progress = directory.cohort(session(), name), progress_of_cohort(name)
    members = directory.cohort_members(session(), name)
    own = current_actor().tenant_id
    return render_page(
        template,
        cohort=found,
        progress=progress,
        begun=bool(progress.views),
        stopped=progress.stopped,
        done=sum(one.state is TenantState.ACTIVE for one in members),
        total=len(members),
        run=_run_after(name),
        defined=history(found.id, own, 1, event=Event.COHORT_DEFINED),
        record=history(found.id, own, actions_shown),
        **values,
    )


def _run_after(name: str) -> RunSummary | None:
    """The run of the cohort's fiscal year that was made since its last tenant was done; None without one."""
    cohort = directory.cohort(session(), name)
    ends = [view.finished_at for view in onboardings_of_cohort(session(), cohort.id)]
    if not ends or not may(Permission.ALLOCATION_READ):
        return None
    last = max((end for end in ends if end is not None), default=None)
    newest = run_summaries(session(), fiscal_year=cohort.fiscal_year, limit=1)
    is_after = None not in ends and last is not None and bool(newest) and newest[0].prepared_at >= last
    return newest[0] if is_after else None


@pages.get("/cohorts/<name>/progress")
@requires(Permission.COHORT_READ)
def cohort_progress(name: str) -> tuple[str, int]:
    """The part of the page that changes while the steps run."""
    return render_page("onboarding/_progress", progress=progress_of_cohort(name))


@pages.get("/cohorts/<name>/plan")
@requires(Permission.COHORT_READ)
def cohort_plan(name: str) -> tuple[str, int]:
    """The plan as things stand now. Asks Keycloak; changes nothing."""
    plan = plan_cohort(keycloak(), name)
    return _render_plan(plan, Form.initial(digest=plan.digest, planned_at=clock.now().isoformat()))


@pages.post("/cohorts/<name>/plan")
@requires(Permission.COHORT_APPLY)
def cohort_applying(name: str) -> AnyResponse | tuple[str, int]:
    """確認, and then the application itself: both only for the digest that was shown."""
    form = Form.from_request()
    digest = form.text("digest")
    if _was_applied(name, digest):
        # The second of two clicks: the first one did it.
        return redirect(url_for("cohorts.cohort", name=name, applied=digest), 303)
    plan = plan_cohort(keycloak(), name)
    if plan.digest != digest:
        form.add_error(Stale(PLAN_STALE, field="digest", cohort=name))
    elif form.is_final:
        with form.collect_errors():
            apply_plan(keycloak(), name, digest, actor=current_actor(), key=form.key)
            return redirect(url_for("cohorts.cohort", name=name, applied=digest), 303)
    elif not_ready := _not_ready(name):
        form.add_error(Conflict(NOT_READY, field="state", name=not_ready[0].name, state=not_ready[0].state))
    elif form.step == "confirm":
        return render_page(
            "cohorts/cohort_confirm",
            form=form,
            plan=plan,
            changes=_changes(plan),
            counts=_counts(plan.tenants),
        )
    since = _parse_instant(form.text("planned_at"))
    changes = [] if form.is_valid or since is None else _changes_since(plan, since)
    errors, status = form.errors, form.status
    refreshed = Form.initial(digest=plan.digest, planned_at=clock.now().isoformat())
    refreshed.errors, refreshed.status = errors, status
    return _render_plan(plan, refreshed, changes)


def _render_plan(plan: CohortPlan, form: Form, changes: list[AuditRow] | None = None) -> tuple[str, int]:
    objects = [change.object for tenant in plan.tenants for change in tenant.changes]
    names = names_of_people(session(), [one.removeprefix("person ") for one in objects])
    names |= names_of_clients(session(), [_client_id(one) for one in objects if one.startswith("service client ")])
    names |= {one.name: dimension_label(one) for one in dimensions(session())}
    names |= {
        str(one.id): gettext("%(title)s v%(number)s", title=one.title, number=one.number) for one in versions(session())
    }
    not_ready = _not_ready(plan.cohort)
    return render_page(
        "cohorts/cohort_plan",
        form=form,
        not_ready=not_ready,
        steps_before=_steps_before(not_ready),
        is_stale=form.error("digest") is not None,
        plan=plan,
        label=directory.cohort(session(), plan.cohort).label,
        changes=_changes(plan),
        counts=_counts(plan.tenants),
        counts_of=lambda tenant: _counts((tenant,)),
        describe=lambda thing: object_label(thing, names),
        is_applied=_was_applied(plan.cohort, form.text("digest")),
        is_missing=any(tenant.missing for tenant in plan.tenants),
        since=changes or [],
    )


def _not_ready(name: str) -> list[directory.TenantFacts]:
    """The tenants of the cohort for which onboarding cannot start."""
    return [one for one in directory.cohort_members(session(), name) if one.state not in STARTABLE]


@dataclass(frozen=True, slots=True)
class StepBefore:
    """What keeps the plan from being applied: so many tenants in a state, and the page that moves them all on."""

    tenants: Sequence[directory.TenantFacts]
    to: TenantState | None
    address: str


def _steps_before(not_ready: Sequence[directory.TenantFacts]) -> list[StepBefore]:
    """By state, the tenants that are not ready, and the state they would all come to next."""
    following = {TenantState.APPLIED: TenantState.SCREENING, TenantState.SCREENING: TenantState.AGREED}
    found = []
    for state in TenantState:
        if tenants := [one for one in not_ready if one.state is state]:
            ids = [("tenant_ids", str(one.id)) for one in tenants]
            address = f"{url_for('tenants.tenant_states_changing')}?{urlencode(ids)}" if state in following else ""
            found.append(StepBefore(tenants, following.get(state), address))
    return found


def object_label(thing: str, names: Mapping[str, str]) -> str:
    """A planned object in the reader's words: 利用者 山田 花子 for `person 0192…`."""
    for start, ja, en in (
        ("organization ", "ログイン用の団体登録", "organization"),
        ("role group ", "権限の準備", "role group"),
        ("person ", "利用者", "person"),
        ("service client ", "連携システム", "service client"),
        ("quota ", "利用枠", "quota"),
        ("agreement ", "協定への同意", "agreement"),
        ("membership", "参加", "membership"),
    ):
        if thing.startswith(start):
            rest = thing.removeprefix(start)
            if start == "organization ":
                rest = ""  # Keycloak's name for the tenant that the row is about.
            elif start == "service client ":
                rest = _client_id(thing)
            label = role_label(rest) if start == "role group " else names.get(rest, rest)
            return f"{either(ja, en)} {label}".strip()
    return thing


def _client_id(thing: str) -> str:
    """Our id of a service client, in Keycloak's name for it."""
    named = parse_service_client_name(thing.rpartition(" ")[2])
    return "" if named is None else str(named.service_client_id)


def _changes(plan: CohortPlan) -> ShareChanges:
    kind, on = directory.StatisticKind.POPULATION, FiscalYear(plan.fiscal_year).starts_on
    people = directory.statistic_values(session(), kind, [share.tenant_id for share in plan.shares], on)
    return share_changes(
        [
            BeforeAfter(
                share.name,
                None if share.is_joining else share.before_yen,
                share.after_yen,
                share.is_joining,
                people=people[share.tenant_id].value if share.tenant_id in people else None,
            )
            for share in plan.shares
        ]
    )


def _counts(tenants: Sequence[OnboardingPlan]) -> dict[Action, int]:
    changes = [change.action for tenant in tenants for change in tenant.changes]
    return {action: changes.count(action) for action in Action}


def _was_applied(name: str, digest: str) -> bool:
    if not digest:
        return False
    known = directory.cohort(session(), name)
    return any(view.plan_digest == digest for view in onboardings_of_cohort(session(), known.id))


def _changes_since(plan: CohortPlan, since: datetime) -> list[AuditRow]:
    """Who did what after the plan was shown, to anybody: costs and rules move the shares as tenants do."""
    found = [
        event
        for event in page_of_actions(PageRequest(100), 20, since=since, outcome=AuditOutcome.DONE.value).items
        if not event.event.startswith(_IGNORED_EVENTS)
    ]
    return audit_rows(found)[:20]


def _parse_instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
