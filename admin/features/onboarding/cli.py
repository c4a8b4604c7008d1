"""`moyai onboarding`: start the steps of a tenant, show their progress, decide a step that stopped."""

from __future__ import annotations

from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.onboarding.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import Answer, rows
from admin.interface.param_types import find_tenant
from governance.permissions import Permission
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.queries import onboarding as find_onboarding
from tenancy.onboarding.queries import onboardings_in_progress, onboardings_of

onboarding = command_group("onboarding", "参加手続き / Onboardings.", ENTRY_POINTS)


@onboarding.query("list", Permission.ONBOARDING_READ)
@click.argument("code", required=False)
def list_onboardings(session: Session, code: str | None) -> Answer:
    """参加手続きの一覧 / Those in progress, oldest first; with CODE every one of that tenant, newest first."""
    views = onboardings_in_progress(session) if code is None else onboardings_of(session, find_tenant(session, code).id)
    return rows("onboardings", views, onboarding_text)


@onboarding.query("show", Permission.ONBOARDING_READ)
@click.argument("onboarding_id", type=click.UUID)
def show(session: Session, onboarding_id: UUID) -> Answer:
    """参加手続きを 1 つ見る / One onboarding with its steps, why one stopped and what to do."""
    view = find_onboarding(session, onboarding_id)
    return Answer(view, [onboarding_text(view)])


def onboarding_text(view: OnboardingView) -> str:
    """The onboarding in lines: its tenant, state, id and start, then its steps with why they wait or failed."""
    lines = [f"{view.code or '------'}\t{view.name}\t{view.state}\t{view.id}\t{view.requested_at:%Y-%m-%d %H:%M}"]
    lines += [f"\t{step.name}\t{step.state}\t{step.why}".rstrip() for step in view.steps]
    return "\n".join(lines)
