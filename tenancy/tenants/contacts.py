"""Naming and removing the contacts of a tenant, one for each purpose."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel.errors import NOT_FOUND, NotFound
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, mail_address, plain_line
from governance.permissions import Permission
from tenancy.tenants import queries
from tenancy.tenants.tables import Contact, ContactPurpose


class RecordContact(Order):
    """Whom to ask at the tenant about the purpose, in place of whoever was named before."""

    tenant_id: UUID
    purpose: ContactPurpose
    section: Line
    name: Line
    email: Line
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ()-]{3,30}$")] | None = None


class ContactRecorded(Outcome):
    contact_id: UUID


class RemoveContact(Order):
    tenant_id: UUID
    purpose: ContactPurpose


class ContactRemoved(Outcome):
    contact_id: UUID


@command(Permission.CONTACT_RECORD, Event.CONTACT_RECORDED)
def record_contact(work: Work, order: RecordContact) -> ContactRecorded:
    """Name the contact for the purpose, in place of the one before. Raises Invalid and NotFound."""
    wanted = {
        "section": plain_line(order.section, field="section"),
        "name": plain_line(order.name, field="name"),
        "email": mail_address(order.email),
        "phone": order.phone,
    }
    tenant = queries.tenant(work.session, order.tenant_id, lock=True)
    contact = _contact(work.session, tenant.id, order.purpose)
    if contact is None:
        contact = Contact(id=new_id(), tenant_id=tenant.id, purpose=order.purpose.value)
        work.session.add(contact)
    elif all(getattr(contact, field) == value for field, value in wanted.items()):
        work.unchanged()
        return ContactRecorded(contact_id=contact.id)
    for field, value in wanted.items():
        setattr(contact, field, value)
    contact.recorded_at = work.now
    work.record(subject=contact.id, tenant_id=tenant.id, purpose=order.purpose.value)
    return ContactRecorded(contact_id=contact.id)


@command(Permission.CONTACT_REMOVE, Event.CONTACT_REMOVED)
def remove_contact(work: Work, order: RemoveContact) -> ContactRemoved:
    """Remove the contact for the purpose. Raises NotFound when there is none."""
    tenant = queries.tenant(work.session, order.tenant_id, lock=True)
    contact = _contact(work.session, tenant.id, order.purpose)
    if contact is None:
        raise NotFound(NOT_FOUND, field="purpose", what="contact", given=order.purpose.value)
    work.session.delete(contact)
    work.record(subject=contact.id, tenant_id=tenant.id, purpose=order.purpose.value)
    return ContactRemoved(contact_id=contact.id)


def _contact(session: Session, tenant_id: UUID, purpose: ContactPurpose) -> Contact | None:
    return session.scalars(
        select(Contact).where(Contact.tenant_id == tenant_id, Contact.purpose == purpose.value)
    ).first()
