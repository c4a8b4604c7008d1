"""The frame of each page: who is signed in, what is pending, the menu with its open group, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flask import Flask, current_app, g, render_template, request, url_for

from admin.core.errors import REFUSAL_FRAME
from admin.core.guard import actor_or_none, current_actor, may, preferences_or_none
from admin.core.language import current_language, either, gettext
from admin.identity.memberships import memberships_of
from admin.interface.keys import GROUP_KEYS, are_keys_on
from admin.interface.labels import roles_label
from admin.interface.lists import current_url_with, url_with_query, with_query
from admin.interface.menu import Group, Menu, Place
from admin.interface.own_tasks import own_waiting
from admin.interface.years import YEAR, year_switch
from admin.operations import assets
from admin.operations.settings import Settings
from admin.workflows.waiting import count_waiting
from governance.actors import Actor
from governance.kernel import clock
from governance.kernel.database import db, tenant_scope
from governance.kernel.labels import Label
from tenancy import directory
from tenancy.people.queries import name_of_signed_in
from tenancy.preferences.states import TableDensity


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One link of the menu as this request shows it. `current` is what `aria-current` says: page, true or nothing."""

    label: str
    address: str
    current: str


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """One group of the menu: its own link, and its places where it is open and has more than one."""

    link: MenuEntry
    icon: str
    is_open: bool
    waiting: int | None
    places: tuple[MenuEntry, ...]


@dataclass(frozen=True, slots=True)
class Navigation:
    """What every page shows around its content. `pending_count` is how many things wait for this person.

    `group` is the open group as the first of the breadcrumbs, where the page is below one.
    """

    product: str
    tenant: str
    person: str
    roles: str
    pending_count: int
    groups: tuple[MenuGroup, ...]
    foot: tuple[MenuEntry, ...]
    group: MenuEntry | None
    help: str
    """The help on the present page."""
    shown_at: datetime
    is_operator: bool
    others: tuple[MenuEntry, ...]
    """The other tenants that the person uses, with where one switches to each."""


_MENU: Final = "moyai.console.menu"


def navigation() -> Navigation:
    """The navigation of this request's page; made once, in three reads."""
    if "console_navigation" not in g:
        g.console_navigation = _build(current_actor())
    built: Navigation = g.console_navigation
    return built


def init_navigation(app: Flask, settings: Settings, operator_menu: Menu, tenant_menu: Menu) -> None:
    """Make the navigation known to the templates, and give refusals its frame."""
    app.extensions[_MENU] = (operator_menu, tenant_menu)
    app.extensions[REFUSAL_FRAME] = render_framed
    script = assets.script_below(settings.home)
    app.jinja_env.globals.update(
        navigation=navigation,
        year_switch=year_switch,
        are_keys_on=are_keys_on,
        group_keys=GROUP_KEYS,
        url_with_query=url_with_query,
        current_url_with=current_url_with,
        is_example=settings.example,
        is_training=settings.training,
        requires_second_factor=settings.requires_second_factor,
        is_signed_in=lambda: actor_or_none() is not None,
        has_htmx=script.is_file,
        is_dense=_is_dense,
        time_now=clock.now,
    )


def _is_dense() -> bool:
    """Whether this reader wants the rows of tables close together."""
    preferences = preferences_or_none()
    return preferences is not None and preferences.table_density is TableDensity.DENSE


def menu_of(app: Flask, *, is_operator: bool) -> Menu:
    """The menu of the operator's people, or that of a municipality's."""
    operator_menu, tenant_menu = app.extensions[_MENU]
    menu: Menu = operator_menu if is_operator else tenant_menu
    return menu


def render_framed(template: str, **values: Any) -> str | None:
    """A page inside the frame of whoever asks, also where the guard refused; None for somebody who is not signed in."""
    actor = actor_or_none()
    if actor is None:
        return None
    with tenant_scope(actor.tenant_scope):
        return render_template(template, frame="interface/base.html", **values)


def _build(actor: Actor) -> Navigation:
    session = db.session()
    tenant = directory.tenant_by_id(session, actor.tenant_id)
    name, has_others = name_of_signed_in(session, actor.tenant_id, actor.id)
    pending_count = count_waiting(own_waiting(), actor, clock.now())
    menu = menu_of(current_app, is_operator=actor.is_operator)
    here = _place(menu, actor)
    groups = [_group(group, here, actor, pending_count) for group in menu.groups if any(map(_is_shown, group.places))]
    below = next((group for group in groups if group.is_open and len(group.places) > 1), None)
    return Navigation(
        product=gettext("Moyai"),
        tenant=tenant.name if current_language() == "ja" else tenant.name_en or tenant.name,
        person=name or actor.id,
        roles=roles_label(sorted(actor.roles)),
        pending_count=pending_count,
        groups=tuple(groups),
        foot=tuple(_entry(place.label, place, here, actor) for place in menu.foot if _is_shown(place)),
        group=below.link if below is not None and request.path != below.link.address.partition("?")[0] else None,
        help=url_for("help.help_page", _anchor=None if here is None else here.anchor),
        shown_at=clock.now(),
        is_operator=actor.is_operator,
        others=_others(actor) if has_others else (),
    )


def _others(actor: Actor) -> tuple[MenuEntry, ...]:
    """The other tenants of whoever asks. Asked for last: what is read of other tenants ends this one's transaction."""
    return tuple(
        MenuEntry(
            one.name if current_language() == "ja" else one.name_en or one.name,
            url_for("identity.switch", tenant_id=one.tenant_id),
            "",
        )
        for one in memberships_of(actor)
        if not one.is_current
    )


def _place(menu: Menu, actor: Actor) -> Place | None:
    """The place of this request's page; None for an address where nothing is."""
    if request.endpoint is None:
        return None
    about: UUID | None = (request.view_args or {}).get("tenant_id")
    return menu.place_of(request.endpoint, is_own=about == actor.tenant_id)


def _group(group: Group, here: Place | None, actor: Actor, pending_count: int) -> MenuGroup:
    shown = [place for place in group.places if _is_shown(place)]
    is_open = here in group.places
    switch = year_switch() if group.keeps_year else None
    query = {} if switch is None else {YEAR: switch.kept}
    return MenuGroup(
        link=_entry(group.label, shown[0], here if len(shown) == 1 else None, actor, query),
        icon=group.icon,
        is_open=is_open,
        waiting=pending_count if group.counts_waiting else None,
        places=tuple(_entry(place.label, place, here, actor, query) for place in shown)
        if is_open and len(shown) > 1
        else (),
    )


def _entry(
    label: Label, place: Place, here: Place | None, actor: Actor, query: Mapping[str, object] | None = None
) -> MenuEntry:
    address = place.address.format(tenant=actor.tenant_id)
    current = "" if place is not here else "page" if request.path == address else "true"
    return MenuEntry(either(*label), with_query(address, query or {}), current)


def _is_shown(place: Place) -> bool:
    return may(place.permission)
