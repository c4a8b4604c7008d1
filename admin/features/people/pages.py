"""利用者: the page of one person with what was done about them. The forms are derived."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint

from admin.core.guard import may, requires
from admin.core.language import gettext
from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.history import history, newest_actions
from admin.interface.pages import render_page, session
from governance.events import Event
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.clients.queries import clients_owned_by
from tenancy.people.queries import member, planned_role_changes, planned_section_changes

pages = add_forms(Blueprint("people", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/tenants/<uuid:tenant_id>/people/<uuid:member_id>")
@requires(Permission.MEMBER_READ)
def person(tenant_id: UUID, member_id: UUID) -> tuple[str, int]:
    """One person of a tenant: roles, state, what is next, and what was last."""
    return _render_part("people/person", tenant_id, member_id)


@pages.get("/tenants/<uuid:tenant_id>/people/<uuid:member_id>/related")
@requires(Permission.MEMBER_READ)
def person_related(tenant_id: UUID, member_id: UUID) -> tuple[str, int]:
    """What the person did, for those who may read the audit log, and where the person belongs."""
    found = member(session(), tenant_id, member_id, clock.now())
    reads = may(Permission.AUDIT_READ)
    systems = clients_owned_by(session(), tenant_id, found.id) if may(Permission.CLIENT_READ) else None
    done = newest_actions(10, actor=str(found.person_id), tenant_id=tenant_id) if reads else None
    return _render_part(
        "people/person_related", tenant_id, member_id, done=done, systems=systems, part_title=gettext("Related")
    )


@pages.get("/tenants/<uuid:tenant_id>/people/<uuid:member_id>/history")
@requires(Permission.AUDIT_READ)
def person_history(tenant_id: UUID, member_id: UUID) -> tuple[str, int]:
    """What was done about the person."""
    return _render_part(
        "people/person_history", tenant_id, member_id, actions_shown=50, part_title=gettext("History"), is_wide=True
    )


def _render_part(
    template: str, tenant_id: UUID, member_id: UUID, *, actions_shown: int = 5, **values: Any
) -> tuple[str, int]:
    """A part of a person's page, with what every part has: state, who added the person, and the last events."""
    found = member(session(), tenant_id, member_id, clock.now())
    added = history(found.person_id, tenant_id, 1, event=Event.MEMBER_ADDED)
    return render_page(
        template,
        tenant=directory.tenant_by_id(session(), tenant_id),
        person=found,
        planned=planned_role_changes(session(), tenant_id, clock.now(), member_id=found.id),
        planned_sections=planned_section_changes(session(), tenant_id, clock.now(), member_id=found.id),
        added=added,
        record=history(found.person_id, tenant_id, actions_shown),
        **values,
    )
