"""利用者: the page of one person with what was done about them. The forms are derived."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint

from admin.core.guard import may, requires
from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms
from admin.interface.pages import render_page, session
from governance.audit.queries import events
from governance.kernel import clock
from governance.permissions import Permission
from tenancy import directory
from tenancy.people.queries import member

pages = add_forms(Blueprint("people", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/tenants/<uuid:tenant_id>/people/<uuid:member_id>")
@requires(Permission.MEMBER_READ)
def person(tenant_id: UUID, member_id: UUID) -> tuple[str, int]:
    """One person of a tenant: roles, state, what is next, and what was last."""
    return _render(tenant_id, member_id, limit=5)


@pages.get("/tenants/<uuid:tenant_id>/people/<uuid:member_id>/history")
@requires(Permission.AUDIT_READ)
def person_history(tenant_id: UUID, member_id: UUID) -> tuple[str, int]:
    """What was done about the person."""
    return _render(tenant_id, member_id, limit=50, is_history=True)


def _render(tenant_id: UUID, member_id: UUID, *, limit: int, is_history: bool = False) -> tuple[str, int]:
    found = member(session(), tenant_id, member_id, clock.now())
    subject = str(found.person_id)
    record = events(session(), limit=limit, tenant_id=tenant_id, subject=subject) if may(Permission.AUDIT_READ) else []
    return render_page(
        "people/person",
        tenant=directory.tenant_by_id(session(), tenant_id),
        person=found,
        is_history=is_history,
        is_wide=is_history,
        record=record,
    )
