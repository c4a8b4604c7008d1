"""What became of the mails that were sent, over the API and the command line."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel.database import db
from governance.kernel.keyset import KeysetPage, PageRequest
from governance.permissions import Permission
from tenancy import directory
from tenancy.mails.queries import SentMailFacts, sent_mails
from tenancy.mails.states import MailState

routes = ApiRoutes(Tag.PEOPLE)


class SentMailsQuery(PageQuery):
    """Of one tenant, by its code, and in one state, or all."""

    tenant: Annotated[str, Field(pattern=r"^[0-9]{6}$"), Input("団体コード", "The tenant's code")] | None = None
    state: Annotated[MailState, Input("状態", "State")] | None = None


@routes.list("/sent-mails", Permission.SENT_MAIL_READ, "SentMailPage")
@cli_query("sent-mail list", "送信したメールの一覧", "mails", "asked_at state address subject")
def list_sent_mails(query: SentMailsQuery, part: PageRequest) -> KeysetPage[SentMailFacts]:
    """List the mails that were sent or tried, newest first, with what became of each."""
    return sent_mails(db.session(), part, tenant_id=tenant_of(query.tenant), state=query.state)


def tenant_of(code: str | None) -> UUID | None:
    """The id of the tenant with this code; None for none. Raises NotFound."""
    return None if not code else directory.tenant_by_code(db.session(), code).id
