"""Reading what became of mails. Row-level security limits what is found."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.models import ReadModel
from tenancy.mails.states import MailState
from tenancy.mails.tables import SentMail


class SentMailFacts(ReadModel):
    """A mail of a tenant: what about, to which person, when it was asked for and tried, and what became of it.

    `person_id` is None where the address is nobody's of the tenant; `problem` says why it was not sent, as the mail
    server put it.
    """

    id: UUID
    tenant_id: UUID
    person_id: UUID | None
    address: str
    subject: str
    state: MailState
    attempts: int
    asked_at: datetime
    tried_at: datetime
    ended_at: datetime | None
    problem: str | None


def sent_mails(
    session: Session, part: PageRequest, *, tenant_id: UUID | None = None, state: MailState | None = None
) -> KeysetPage[SentMailFacts]:
    """A part of the mails that this scope sees, the newest first; of one tenant or state where given."""
    query = select(SentMail)
    if tenant_id is not None:
        query = query.where(SentMail.tenant_id == tenant_id)
    if state is not None:
        query = query.where(SentMail.state == state.value)
    order = [OrderBy(SentMail.asked_at, descending=True), OrderBy(SentMail.id, descending=True)]
    return fetch_page(session, query, order, part, SentMailFacts.model_validate)
