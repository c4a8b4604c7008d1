"""Naming and removing the contacts of a tenant, one for each purpose."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.events import Event
from governance.kernel.errors import require_found
from governance.kernel.ids import new_id
from governance.kernel.plain_text import PlainLine, mail_address, plain_line
from governance.permissions import Permission
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.states import ContactPurpose
from tenancy.tenants.tables import Contact


class RecordContact(Command):
    """Whom to ask at the tenant about the purpose; replaces the contact recorded before."""

    tenant_id: UUID
    purpose: ContactPurpose
    section: PlainLine
    name: PlainLine
    email: PlainLine
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()-]{3,30}$")] | None = None


class ContactRecorded(Result):
    contact_id: UUID


class RemoveContact(Command):
    """The contact to delete: name and address are gone for good, because they are personal data."""

    tenant_id: UUID
    purpose: ContactPurpose


class ContactRemoved(Result):
    contact_id: UUID


@handles(Permission.CONTACT_RECORD, Event.CONTACT_RECORDED)
def record_contact(ctx: CommandContext, command: RecordContact) -> ContactRecorded:
    """Record the contact for the purpose, replacing the one before.

    Raises Invalid for a text or address that cannot be used, NotFound for the tenant.
    """
    wanted = {
        "section": plain_line(command.section, field="section"),
        "name": plain_line(command.name, field="name"),
        "email": mail_address(command.email),
        "phone": command.phone,
    }
    tenant = tenant_row(ctx.session, command.tenant_id)
    contact = _contact(ctx.session, tenant.id, command.purpose)
    if contact is None:
        contact = Contact(id=new_id(), tenant_id=tenant.id, purpose=command.purpose.value)
        ctx.session.add(contact)
    elif all(getattr(contact, field) == value for field, value in wanted.items()):
        ctx.mark_noop()
        return ContactRecorded(contact_id=contact.id)
    for field, value in wanted.items():
        setattr(contact, field, value)
    contact.recorded_at = ctx.now
    ctx.audit(subject=contact.id, tenant_id=tenant.id, purpose=command.purpose.value)
    return ContactRecorded(contact_id=contact.id)


@handles(Permission.CONTACT_REMOVE, Event.CONTACT_REMOVED)
def remove_contact(ctx: CommandContext, command: RemoveContact) -> ContactRemoved:
    """Delete the contact for the purpose. Raises NotFound for the tenant and when there is no contact."""
    tenant = tenant_row(ctx.session, command.tenant_id)
    contact = require_found(
        _contact(ctx.session, tenant.id, command.purpose), what="contact", given=command.purpose.value, field="purpose"
    )
    ctx.session.delete(contact)
    ctx.audit(subject=contact.id, tenant_id=tenant.id, purpose=command.purpose.value)
    return ContactRemoved(contact_id=contact.id)


def _contact(session: Session, tenant_id: UUID, purpose: ContactPurpose) -> Contact | None:
    return session.scalars(
        select(Contact).where(Contact.tenant_id == tenant_id, Contact.purpose == purpose.value)
    ).first()
