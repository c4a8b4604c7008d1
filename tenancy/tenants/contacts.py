"""The commands of contacts: record and remove whom to ask at a tenant, one contact a purpose."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import require_found
from governance.kernel.field_types import Id, MailAddress, PhoneNumber, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.states import ContactPurpose
from tenancy.tenants.tables import Contact


class RecordContact(Command):
    """Whom to ask at the tenant about the purpose; replaces the contact recorded before."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    purpose: Annotated[ContactPurpose, Input("用件", "Purpose")]
    section: Annotated[PlainLine, Input("部署", "Section")]
    name: Annotated[PlainLine, Input("担当者", "Person")]
    email: Annotated[MailAddress, Input("メールアドレス", "Email")]
    phone: Annotated[PhoneNumber | None, Input("電話番号", "Phone")] = None


class ContactRecorded(Result):
    contact_id: UUID


class RemoveContact(Command):
    """The contact to delete with its name and address, which are personal data; the audit log holds neither."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    purpose: Annotated[ContactPurpose, Input("用件", "Purpose")]


class ContactRemoved(Result):
    contact_id: UUID


@handles(Permission.CONTACT_RECORD, Event.CONTACT_RECORDED, edits="contact {tenant_id} {purpose}")
def record_contact(ctx: CommandContext, command: RecordContact) -> ContactRecorded:
    """Record the contact for the purpose, replacing the one before. Raises NotFound for the tenant."""
    wanted = {name: getattr(command, name) for name in ("section", "name", "email", "phone")}
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


@handles(Permission.CONTACT_REMOVE, Event.CONTACT_REMOVED, edits="contact {tenant_id} {purpose}")
def remove_contact(ctx: CommandContext, command: RemoveContact) -> ContactRemoved:
    """Delete the contact for the purpose. Raises NotFound for the tenant and when there is no contact."""
    tenant = tenant_row(ctx.session, command.tenant_id)
    contact = require_found(
        _contact(ctx.session, tenant.id, command.purpose),
        what=Label("連絡先", "contact"),
        given=command.purpose,
        field="purpose",
    )
    ctx.session.delete(contact)
    ctx.audit(subject=contact.id, tenant_id=tenant.id, purpose=command.purpose.value)
    return ContactRemoved(contact_id=contact.id)


def _contact(session: Session, tenant_id: UUID, purpose: ContactPurpose) -> Contact | None:
    return session.scalars(
        select(Contact).where(Contact.tenant_id == tenant_id, Contact.purpose == purpose.value)
    ).first()
