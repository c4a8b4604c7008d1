"""The frame of each page: who one is, what waits, and the ways to other pages, by deeds and not by tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app, g, request

from admin.core.guard import actor_or_none, current_actor, may
from admin.core.language import either
from admin.interface.lists import address_of, address_with
from admin.interface.menu import NavItem
from admin.operations import assets
from admin.operations.settings import Settings
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


_MENU: Final = "moyai.console.menu"

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


def give_frame(
    app: Flask,
    settings: Settings,
    operator_navigation: tuple[NavItem, ...],
    tenant_navigation: tuple[NavItem, ...],
    parent_page: Mapping[str, str],
) -> None:
    """Make the frame known to the templates."""
    app.extensions[_MENU] = (operator_navigation, tenant_navigation, parent_page)
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
        ways=_ways(actor.is_operator),
        is_operator=actor.is_operator,
    )


def _ways(is_operator: bool) -> tuple[Way, ...]:
    operator_navigation, tenant_navigation, parent_page = current_app.extensions[_MENU]
    head = "/" + request.path.strip("/").split("/")[0].split(".")[0]
    here = parent_page.get(head, head)
    return tuple(
        Way(either(item.ja, item.en), item.address, here == item.address)
        for item in (operator_navigation if is_operator else tenant_navigation)
        if may(item.permission)
    )
