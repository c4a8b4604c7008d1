"""The frame of each page: who one is, what waits, and the ways to other pages, by deeds and not by tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Flask, g, request

from admin.console import assets
from admin.console.lists import address_of, address_with
from admin.guard import actor_or_none, current_actor, may
from admin.language import either
from admin.settings import Settings
from governance.actors import Actor
from governance.approvals import count_waiting
from governance.kernel.database import db
from governance.permissions import Permission
from governance.words import ROLE_WORDS
from tenancy import directory
from tenancy.onboarding.queries import count_standing_still
from tenancy.people.queries import names_of_people


@dataclass(frozen=True, slots=True)
class Way:
    """One entry of the navigation."""

    label: str
    address: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around each page. `waiting` counts what this person can decide."""

    product: str
    tenant: str
    person: str
    roles: str
    waiting: int
    ways: tuple[Way, ...]
    is_operator: bool


# Deed in Japanese and English, address, the permission it asks. The first part of the address says where one is.
_OPERATOR_WAYS: Final = (
    (("概要", "Overview"), "/", Permission.OVERVIEW_READ),
    (("参加手続きを進める", "Onboard members"), "/onboardings", Permission.ONBOARDING_READ),
    (("参加団体を調べる", "Look up tenants"), "/tenants", Permission.TENANT_READ),
    (("経費を登録する", "Record the costs"), "/costs", Permission.COST_READ),
    (("ルールを定める", "Set the rules"), "/rules", Permission.RULE_READ),
    (("負担額を決める", "Decide the shares"), "/allocations", Permission.ALLOCATION_READ),
    (("通知を出す", "Send notices"), "/notices", Permission.NOTICE_READ),
    (("帳簿を確かめる", "Check the books"), "/ledger", Permission.LEDGER_READ),
    (("記録を調べる", "Search the record"), "/audit", Permission.AUDIT_READ),
)
_TENANT_WAYS: Final = (
    (("概要", "Overview"), "/", Permission.OVERVIEW_READ),
    (("自団体の情報", "Our tenant"), "/tenants", Permission.TENANT_READ),
    (("参加手続きを進める", "Onboarding"), "/onboardings", Permission.ONBOARDING_READ),
    (("負担額を確かめる", "Our shares"), "/allocations", Permission.ALLOCATION_READ),
    (("負担のルール", "The rules"), "/rules", Permission.RULE_READ),
    (("納入通知書", "Notices"), "/notices", Permission.NOTICE_READ),
    (("帳簿を確かめる", "Our book"), "/ledger", Permission.LEDGER_READ),
    (("記録を調べる", "The record"), "/audit", Permission.AUDIT_READ),
)
_BELONGS: Final = {
    "/cohorts": "/onboardings",
    "/mails": "/onboardings",
    "/define-cohort": "/onboardings",
    "/agreements": "/tenants",
    "/plans": "/tenants",
    "/shares": "/allocations",
    "/quota-requests": "/tenants",
}

DECIDED_BY: Final = {"allocation": Permission.ALLOCATION_APPROVE, "quota": Permission.QUOTA_DECIDE}
"""Kind of request → the permission that decides it."""


def decidable() -> list[str]:
    """The kinds of requests that the one who asks may decide."""
    return [kind for kind, permission in DECIDED_BY.items() if may(permission)]


def frame() -> Frame:
    """The frame of this request's page; made once, in three reads."""
    if "console_frame" not in g:
        g.console_frame = _make(current_actor())
    made: Frame = g.console_frame
    return made


def give_frame(app: Flask, settings: Settings) -> None:
    """Make the frame known to the templates."""
    script = assets.script_below(settings.home)
    app.jinja_env.globals.update(
        frame=frame,
        address_of=address_of,
        address_with=address_with,
        is_example=settings.example,
        is_signed_in=lambda: actor_or_none() is not None,
        has_htmx=script.is_file,
    )


def _make(actor: Actor) -> Frame:
    session = db.session()
    tenant = directory.tenant_by_id(session, actor.tenant_id)
    names = names_of_people(session, [actor.id])
    return Frame(
        product=either("Moyai 催合", "Moyai"),
        tenant=tenant.name if either("ja", "en") == "ja" else tenant.name_en or tenant.name,
        person=names.get(actor.id, actor.id),
        roles=either("、", ", ").join(either(*ROLE_WORDS[role]) for role in sorted(actor.roles)),
        waiting=count_waiting(session, decidable(), not_by=actor.id)
        + (count_standing_still(session) if may(Permission.ONBOARDING_DECIDE) else 0),
        ways=_ways(_OPERATOR_WAYS if actor.is_operator else _TENANT_WAYS),
        is_operator=actor.is_operator,
    )


def _ways(ways: tuple[tuple[tuple[str, str], str, Permission], ...]) -> tuple[Way, ...]:
    head = "/" + request.path.strip("/").split("/")[0].split(".")[0]
    here = _BELONGS.get(head, head)
    return tuple(
        Way(either(*label), address, here == address) for label, address, permission in ways if may(permission)
    )
