"""参加計画: what taking a cohort in would do, to whom, and what each pays then; applied only as it was shown.

The plan is made anew for each look. Its digest goes with the form, so that what is applied is what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import either, gettext
from admin.features.audit.pages import names_of_actors
from admin.features.cohorts.entry_points import ENTRY_POINTS
from admin.features.onboarding.pages import progress_of_cohort
from admin.interface.charts import BeforeAfter, by_amount, change_headline, change_totals, paired_bars
from admin.interface.command_forms import add_forms
from admin.interface.forms import Form
from admin.interface.labels import role_label
from admin.interface.pages import keycloak, render_page, session
from admin.workflows.cohort_plan import CohortPlan, ShareChange, apply_plan, plan_cohort
from governance.agreements.queries import versions
from governance.audit.queries import AuditEventFacts, events
from governance.audit.writer import AuditOutcome
from governance.kernel import clock
from governance.kernel.errors import Stale
from governance.permissions import Permission
from tenancy import directory
from tenancy.onboarding.commands import PLAN_STALE
from tenancy.onboarding.plan import Action, OnboardingPlan
from tenancy.onboarding.queries import onboardings_of_cohort
from tenancy.people.queries import names_of_people
from tenancy.quotas.queries import dimensions
from tenancy.tenants.queries import cohorts as all_cohorts

pages = add_forms(Blueprint("cohorts", __name__, template_folder="templates"), ENTRY_POINTS)

_IGNORED_EVENTS = ("session.",)


@dataclass(frozen=True, slots=True)
class ChangeSince:
    """Something done after the plan was shown."""

    event: AuditEventFacts
    who: str


@pages.get("/cohorts")
@requires(Permission.COHORT_READ)
def cohorts() -> tuple[str, int]:
    """Every cohort, newest year first."""
    return render_page("cohorts/cohorts", cohorts=list(reversed(all_cohorts(session()))))


@pages.get("/cohorts/<name>")
@requires(Permission.COHORT_READ)
def cohort(name: str) -> tuple[str, int]:
    """How far a cohort is; `?applied=` shows that its plan was just applied."""
    return render_page(
        "cohorts/cohort",
        cohort=directory.cohort(session(), name),
        progress=progress_of_cohort(name),
        applied=request.args.get("applied", "")[:64],
    )


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
    elif form.step == "confirm":
        return render_page(
            "cohorts/cohort_confirm",
            form=form,
            plan=plan,
            rows=by_amount(_rows(plan.shares)),
            counts=_counts(plan.tenants),
        )
    since = _parse_instant(form.text("planned_at"))
    changes = [] if form.is_valid or since is None else _changes_since(plan, since)
    errors, status = form.errors, form.status
    refreshed = Form.initial(digest=plan.digest, planned_at=clock.now().isoformat())
    refreshed.errors, refreshed.status = errors, status
    return _render_plan(plan, refreshed, changes)


def _render_plan(plan: CohortPlan, form: Form, changes: list[ChangeSince] | None = None) -> tuple[str, int]:
    rows = by_amount(_rows(plan.shares))
    people = [change.object.removeprefix("person ") for tenant in plan.tenants for change in tenant.changes]
    names = names_of_people(session(), people)
    names |= {one.name: one.label for one in dimensions(session())}
    names |= {
        str(one.id): gettext("%(title)s v%(number)s", title=one.title, number=one.number) for one in versions(session())
    }
    return render_page(
        "cohorts/cohort_plan",
        form=form,
        plan=plan,
        label=directory.cohort(session(), plan.cohort).label,
        basis=change_totals(rows),
        rows=rows,
        title=change_headline(rows),
        chart=paired_bars(rows, title=change_headline(rows), name="shares") if rows else None,
        counts=_counts(plan.tenants),
        counts_of=lambda tenant: _counts((tenant,)),
        describe=lambda thing: object_label(thing, names),
        is_applied=_was_applied(plan.cohort, form.text("digest")),
        is_missing=any(tenant.missing for tenant in plan.tenants),
        changes=changes or [],
    )


def object_label(thing: str, names: Mapping[str, str]) -> str:
    """A planned object in the reader's words: 利用者 山田 花子 for `person 0192…`."""
    for start, ja, en in (
        ("organization ", "組織", "organization"),
        ("role group ", "役割グループ", "role group"),
        ("person ", "利用者", "person"),
        ("service client ", "API利用者", "service client"),
        ("quota ", "利用枠", "quota"),
        ("agreement ", "協定への同意", "agreement"),
        ("membership", "参加", "membership"),
    ):
        if thing.startswith(start):
            rest = thing.removeprefix(start)
            label = role_label(rest) if start == "role group " else names.get(rest, rest)
            return f"{either(ja, en)} {label}".strip()
    return thing


def _rows(shares: tuple[ShareChange, ...]) -> list[BeforeAfter]:
    return [BeforeAfter(share.name, share.before_yen, share.after_yen, share.is_joining) for share in shares]


def _counts(tenants: Sequence[OnboardingPlan]) -> dict[Action, int]:
    changes = [change.action for tenant in tenants for change in tenant.changes]
    return {action: changes.count(action) for action in Action}


def _was_applied(name: str, digest: str) -> bool:
    if not digest:
        return False
    known = directory.cohort(session(), name)
    return any(view.plan_digest == digest for view in onboardings_of_cohort(session(), known.id))


def _changes_since(plan: CohortPlan, since: datetime) -> list[ChangeSince]:
    """Who did what after the plan was shown, to anybody: costs and rules move the shares as tenants do."""
    found = [
        event
        for event in events(session(), since=since, outcome=AuditOutcome.DONE.value, limit=20)
        if not event.event.startswith(_IGNORED_EVENTS)
    ]
    names = names_of_actors(found)
    return [ChangeSince(event, names.get(event.actor, "")) for event in found]


def _parse_instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
