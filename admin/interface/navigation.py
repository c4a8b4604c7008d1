"""The navigation of each page: who is signed in, what is pending, and the main menu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app, g, request

from admin.core.guard import actor_or_none, current_actor, may
from admin.core.language import current_language, either, gettext
from admin.interface.lists import current_url_with, url_with_query
from admin.interface.menu import NavItem
from admin.operations import assets
from admin.operations.settings import Settings
from governance.actors import Actor
from governance.approvals import count_pending_for
from governance.kernel.database import db
from governance.kernel.labels import LabelledEnum
from governance.permissions import Permission
from tenancy import directory
from tenancy.onboarding.queries import count_blocked
from tenancy.people.queries import names_of_people


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One entry of the main menu as this request shows it."""

    label: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Navigation:
    """What every page shows around its content. `pending_count` counts what this person can decide."""

    product: str
    tenant: str
    person: str
    roles: str
    pending_count: int
    items: tuple[MenuEntry, ...]
    is_operator: bool


_MENU: Final = "moyai.console.menu"


class ApprovalKind(LabelledEnum):
    """What a request for approval is about; `kind` of its row."""

    ALLOCATION = "allocation", "費用按分", "allocation"
    QUOTA = "quota", "利用枠の変更", "quota"


DECIDED_BY: Final = {ApprovalKind.QUOTA: Permission.QUOTA_DECIDE}
"""Kind of request that a command of its own decides → the permission of that command."""


def decidable_kinds() -> list[str]:
    """The kinds of requests with a command of their own that the one who asks may decide."""
    return [kind.value for kind, permission in DECIDED_BY.items() if may(permission)]


def navigation() -> Navigation:
    """The navigation of this request's page; made once, in three reads."""
    if "console_navigation" not in g:
        g.console_navigation = _build(current_actor())
    built: Navigation = g.console_navigation
    return built


def init_navigation(
    app: Flask,
    settings: Settings,
    operator_navigation: tuple[NavItem, ...],
    tenant_navigation: tuple[NavItem, ...],
    parent_page: Mapping[str, str],
) -> None:
    """Make the navigation known to the templates."""
    app.extensions[_MENU] = (operator_navigation, tenant_navigation, parent_page)
    script = assets.script_below(settings.home)
    app.jinja_env.globals.update(
        navigation=navigation,
        url_with_query=url_with_query,
        current_url_with=current_url_with,
        is_example=settings.example,
        requires_second_factor=settings.requires_second_factor,
        is_signed_in=lambda: actor_or_none() is not None,
        has_htmx=script.is_file,
    )


def _build(actor: Actor) -> Navigation:
    session = db.session()
    tenant = directory.tenant_by_id(session, actor.tenant_id)
    names = names_of_people(session, [actor.id])
    return Navigation(
        product=gettext("Moyai"),
        tenant=tenant.name if current_language() == "ja" else tenant.name_en or tenant.name,
        person=names.get(actor.id, actor.id),
        roles=gettext(", ").join(role.label(current_language()) for role in sorted(actor.roles)),
        pending_count=count_pending_for(session, actor, decidable_kinds())
        + (count_blocked(session) if may(Permission.ONBOARDING_DECIDE) else 0),
        items=_nav_items(actor.is_operator),
        is_operator=actor.is_operator,
    )


def _nav_items(is_operator: bool) -> tuple[MenuEntry, ...]:
    operator_navigation, tenant_navigation, parent_page = current_app.extensions[_MENU]
    first_segment = "/" + request.path.strip("/").split("/")[0].split(".")[0]
    rule = request.url_rule.rule if request.url_rule is not None else ""
    current_page = parent_page.get(rule) or parent_page.get(first_segment, first_segment)
    return tuple(
        MenuEntry(either(item.ja, item.en), item.address, current_page == item.address)
        for item in (operator_navigation if is_operator else tenant_navigation)
        if may(item.permission)
    )
