"""Who issues the notices and where they are paid: one versioned record for all, changed by two people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.notices.states import AddresseeForm, SealForm
from billing.notices.tables import NoticeIssuer
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.field_types import LongLine, MailAddress, PhoneNumber, PlainLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.models import ReadModel
from governance.permissions import Permission, SecondPerson

_NOT_PRINTED: Final = Label("印刷しません", "not printed")


class SetIssuer(Command):
    """What every notice from here on says of who issues it, to which budget head it belongs and where it is paid.

    The whole record: what it replaces stays as an earlier version. The contents are those of 地方自治法施行令 154条3項.
    """

    office: Annotated[PlainLine, Input("職名", "Office", Label("例: 熊本県知事", "as in: Governor of Kumamoto"))]
    holder: Annotated[PlainLine, Input("氏名", "Name", Label("その職にある人", "who holds the office"))]
    seal: Annotated[SealForm, Input("公印", "Seal")]
    addressee_form: Annotated[AddresseeForm, Input("宛名", "Addressee")]
    document_symbol: Annotated[PlainLine, Input("文書記号", "Document symbol", Label("例: デ戦", "before the number"))]
    budget_title: Annotated[PlainLine, Input("歳入科目（款）", "Budget title (款)")]
    budget_chapter: Annotated[PlainLine, Input("歳入科目（項）", "Budget chapter (項)")]
    budget_item: Annotated[PlainLine, Input("歳入科目（目）", "Budget item (目)")]
    budget_subitem: Annotated[PlainLine, Input("歳入科目（節）", "Budget subitem (節)")]
    payee: Annotated[PlainLine, Input("納入先", "Payee", Label("例: 熊本県会計管理者", "who receives the money"))]
    payable_at: Annotated[
        LongLine,
        Input("納入場所", "Where to pay", Label("例: 熊本県の指定金融機関", "as in: the designated banks")),
    ]
    contact_section: Annotated[
        PlainLine,
        Input("問合せ先（課・係）", "Contact: section", Label("例: デジタル戦略課企画係", "the section that answers")),
    ]
    contact_name: Annotated[PlainLine | None, Input("問合せ先（担当者）", "Contact: person", empty=_NOT_PRINTED)]
    contact_phone: Annotated[PhoneNumber, Input("問合せ先（電話番号）", "Contact: telephone")]
    contact_email: Annotated[
        MailAddress | None,
        Input("問合せ先（メールアドレス）", "Contact: email", empty=_NOT_PRINTED),
    ]


class IssuerSet(Result):
    """The record's version, from 1."""

    number: int


class IssuerRecord(ReadModel):
    """The record in force. Before there is one, `number` is 0 and everything else null."""

    number: int = 0
    office: str | None = None
    holder: str | None = None
    seal: SealForm | None = None
    addressee_form: AddresseeForm | None = None
    document_symbol: str | None = None
    budget_title: str | None = None
    budget_chapter: str | None = None
    budget_item: str | None = None
    budget_subitem: str | None = None
    payee: str | None = None
    payable_at: str | None = None
    contact_section: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    contact_email: str | None = None


class IssuerFacts(ReadModel):
    """A version of the record, and who set it. `set_by` is the approver's account.

    Versions of the time when section and telephone were one line have that line as `contact_section`, and no
    `contact_phone`.
    """

    number: int
    office: str
    holder: str
    seal: SealForm
    addressee_form: AddresseeForm
    document_symbol: str
    budget_title: str
    budget_chapter: str
    budget_item: str
    budget_subitem: str
    payee: str
    payable_at: str
    contact_section: str
    contact_name: str | None
    contact_phone: str | None
    contact_email: str | None
    set_at: datetime
    set_by: str


@handles(Permission.NOTICE_SET_ISSUER, Event.NOTICE_ISSUER_SET, approval=SecondPerson.SETTINGS, edits="notice issuer")
def set_issuer(ctx: CommandContext, command: SetIssuer) -> IssuerSet:
    """Add a version of the record of who issues notices. The same record again changes nothing."""
    advisory_lock(ctx.session, "notices.issuer")
    present = issuer_in_force(ctx.session)
    given = command.model_dump(mode="json")
    if present is not None and present.model_dump(mode="json", include=set(given)) == given:
        ctx.mark_noop()
        return IssuerSet(number=present.number)
    number = 1 if present is None else present.number + 1
    row = NoticeIssuer(
        id=new_id(), tenant_id=ctx.actor.tenant_id, number=number, set_at=ctx.now, set_by=ctx.actor.id, **given
    )
    ctx.session.add(row)
    ctx.audit(subject=row.id, number=number)
    return IssuerSet(number=number)


def issuer_versions(session: Session) -> list[IssuerFacts]:
    """Every version of the record, the newest first. None to a tenant."""
    query = select(NoticeIssuer).order_by(NoticeIssuer.number.desc())
    return list(map(IssuerFacts.model_validate, session.scalars(query)))


def issuer_in_force(session: Session) -> IssuerFacts | None:
    """The newest version of the record, which the next notices go by; None before there is one."""
    newest = select(NoticeIssuer).order_by(NoticeIssuer.number.desc()).limit(1)
    found = session.scalars(newest).first()
    return None if found is None else IssuerFacts.model_validate(found)


def issuer_record(session: Session) -> IssuerRecord:
    """What a new version begins with."""
    present = issuer_in_force(session)
    if present is None:
        return IssuerRecord()
    return IssuerRecord.model_validate(present.model_dump(include=set(IssuerRecord.model_fields)))


def issuer_fields(session: Session) -> dict[str, object]:
    """The values that a new version begins with, by field; none before there is a record."""
    return issuer_record(session).model_dump(include=set(SetIssuer.model_fields), exclude_none=True)
