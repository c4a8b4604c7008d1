"""Which columns of the lists a person wants to see. Whoever sends the command chooses for themselves alone.

What is kept are the columns left out: one that a later version adds is shown to everybody until somebody leaves it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.errors import Invalid, message
from governance.kernel.ids import new_id
from governance.kernel.labels import Label, LabelledEnum
from governance.kernel.models import ReadModel
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.permissions import Permission
from tenancy.preferences.commands import person_of
from tenancy.preferences.tables import HiddenColumns


class ListName(LabelledEnum):
    """A list whose columns can be chosen."""

    TENANTS = "tenants", "参加団体", "tenants"
    PEOPLE = "people", "利用者", "people"
    COSTS = "costs", "経費", "costs"
    RUNS = "runs", "費用按分", "allocations"
    NOTICES = "notices", "納入通知書", "notices"
    BOOKS = "books", "元帳", "books"
    ENTRIES = "entries", "仕訳", "entries"
    AUDIT = "audit", "操作の記録", "audit log"
    ACCEPTANCES = "acceptances", "同意の状況", "who has accepted"
    ANNOUNCEMENTS = "announcements", "お知らせ", "announcements"
    RECIPIENTS = "recipients", "お知らせの確認の状況", "who has confirmed"


class ListColumn(LabelledEnum):
    """A column that can be left out, worded as the list heads it."""

    CODE = "code", "団体コード", "Code"
    KIND = "kind", "種別", "Kind"
    STATE = "state", "状態", "State"
    COHORT = "cohort", "参加期", "Cohort"
    MEMBER_FROM = "member-from", "参加開始日", "Member from"
    SECTION = "section", "所属", "Section"
    EMAIL = "email", "メール", "Email"
    ROLES = "roles", "役割", "Roles"
    LAST_SIGN_IN = "last-sign-in", "最終ログイン", "Last sign-in"
    POOL = "pool", "経費区分", "Pool"
    COST_KIND = "cost-kind", "種類", "Kind of cost"
    SOURCE = "source", "出典", "Source"
    AMOUNT = "amount", "額", "Yen"
    COST = "cost", "経費", "Cost"
    PREFECTURE = "prefecture", "県の負担", "Prefecture"
    MUNICIPALITIES = "municipalities", "市町村の負担", "Municipalities"
    PREPARED_AT = "prepared-at", "作成", "Prepared"
    TITLE = "title", "件名", "Title"
    ADDRESSEE = "addressee", "あて先", "To"
    ISSUED_ON = "issued-on", "発行日", "Issued"
    DUE_ON = "due-on", "納期限", "Due"
    DOCUMENT = "document", "文書", "Document"
    YEAR_STATE = "year-state", "年度の状態", "Year"
    DEBITS = "debits", "借方の合計（円）", "Debits (yen)"
    LINES = "lines", "明細数", "Lines"
    DATE = "date", "日付", "Date"
    MEMO = "memo", "摘要", "Memo"
    WHO = "who", "だれが", "Who"
    TENANT = "tenant", "団体", "Tenant"
    DETAILS = "details", "内容", "Details"
    SIGNER = "signer", "署名者", "Signer"
    RECORDED_AT = "recorded-at", "記録した日時", "Recorded"
    ASKED_SINCE = "asked-since", "依頼した日時", "Asked since"
    DUE_BY = "due-by", "期限", "Due by"
    REMINDED_LAST = "reminded-last", "最後の催促", "Reminded last"
    PUBLISHED_AT = "published-at", "掲載日時", "Published at"
    SHOWN_UNTIL = "shown-until", "掲載の最終日", "Last day shown"
    RECIPIENTS = "recipients", "団体数", "Tenants"
    CONFIRMATION = "confirmation", "確認", "Confirmation"
    CONFIRMED_AT = "confirmed-at", "確認した日時", "Confirmed at"
    CONFIRMED_BY = "confirmed-by", "確認した人", "Confirmed by"


COLUMNS: Final[Mapping[ListName, tuple[ListColumn, ...]]] = {
    ListName.TENANTS: (
        ListColumn.CODE,
        ListColumn.KIND,
        ListColumn.STATE,
        ListColumn.COHORT,
        ListColumn.MEMBER_FROM,
    ),
    ListName.PEOPLE: (
        ListColumn.SECTION,
        ListColumn.EMAIL,
        ListColumn.ROLES,
        ListColumn.STATE,
        ListColumn.LAST_SIGN_IN,
    ),
    ListName.COSTS: (ListColumn.POOL, ListColumn.COST_KIND, ListColumn.SOURCE, ListColumn.AMOUNT),
    ListName.RUNS: (
        ListColumn.STATE,
        ListColumn.COST,
        ListColumn.PREFECTURE,
        ListColumn.MUNICIPALITIES,
        ListColumn.PREPARED_AT,
    ),
    ListName.NOTICES: (
        ListColumn.TITLE,
        ListColumn.ADDRESSEE,
        ListColumn.ISSUED_ON,
        ListColumn.DUE_ON,
        ListColumn.AMOUNT,
        ListColumn.DOCUMENT,
    ),
    ListName.BOOKS: (ListColumn.YEAR_STATE, ListColumn.DEBITS, ListColumn.LINES),
    ListName.ENTRIES: (ListColumn.DATE, ListColumn.KIND, ListColumn.MEMO, ListColumn.AMOUNT),
    ListName.AUDIT: (ListColumn.WHO, ListColumn.TENANT, ListColumn.DETAILS),
    ListName.ACCEPTANCES: (
        ListColumn.SIGNER,
        ListColumn.RECORDED_AT,
        ListColumn.ASKED_SINCE,
        ListColumn.DUE_BY,
        ListColumn.REMINDED_LAST,
    ),
    ListName.ANNOUNCEMENTS: (
        ListColumn.STATE,
        ListColumn.PUBLISHED_AT,
        ListColumn.SHOWN_UNTIL,
        ListColumn.RECIPIENTS,
        ListColumn.CONFIRMATION,
    ),
    ListName.RECIPIENTS: (ListColumn.CONFIRMED_AT, ListColumn.CONFIRMED_BY, ListColumn.REMINDED_LAST),
}
"""The columns of each list that can be left out, in the list's order.

What names a row always stays, and so does what a row would be misread without: the outcome in the audit log, and
whether a tenant has accepted or confirmed where the list is about that.
"""

NOT_OF_THE_LIST = message(
    "columns.not_of_the_list",
    ja="一覧「{list_name}」で選べる列に「{column}」はありません。選べるのは、{possible}です。",
    en="{column} is not a column that can be left out of the list “{list_name}”. These can: {possible}.",
)


class ListColumnsFacts(ReadModel):
    """A list, the columns of it that can be left out, and those that one has left out."""

    list_name: ListName
    columns: tuple[ListColumn, ...]
    hidden: tuple[ListColumn, ...]


class SaveColumns(Command):
    """The columns of a list that one does not want to see; none for all of them to be shown."""

    list_name: Annotated[ListName, Input("一覧", "List")]
    hidden: Annotated[
        tuple[ListColumn, ...],
        SORTED_UNIQUE,
        Input(
            "表示しない列",
            "Columns left out",
            Label("省略すると、すべての列を表示します。", "Without any, the list shows all its columns."),
        ),
    ] = ()

    @check("list_name", "hidden")
    @staticmethod
    def columns_of_the_list(list_name: ListName, hidden: tuple[ListColumn, ...]) -> None:
        """Each list has columns of its own."""
        for column in hidden:
            if column not in COLUMNS[list_name]:
                raise Invalid(
                    NOT_OF_THE_LIST,
                    field="hidden",
                    list_name=list_name,
                    column=column,
                    possible=COLUMNS[list_name],
                )


class ColumnsSaved(Result):
    """The list, and what is left out of it from now on."""

    list_name: ListName
    hidden: tuple[ListColumn, ...]


@handles(Permission.PREFERENCES_SAVE, Event.COLUMNS_SAVED)
def save_columns(ctx: CommandContext, command: SaveColumns) -> ColumnsSaved:
    """Leave columns of a list out for oneself; the same again changes nothing. NotAllowed for who is no person."""
    person_id = person_of(ctx.actor)
    result = ColumnsSaved(list_name=command.list_name, hidden=command.hidden)
    present = hidden_columns(ctx.session, ctx.actor.tenant_id, person_id)
    if present.get(command.list_name, frozenset()) == frozenset(command.hidden):
        ctx.mark_noop()
        return result
    chosen = {"columns": [column.value for column in command.hidden], "saved_at": ctx.now}
    if command.hidden:
        # Two tabs at once: the later one counts, and neither fails.
        ctx.session.execute(
            insert(HiddenColumns)
            .values(
                id=new_id(),
                tenant_id=ctx.actor.tenant_id,
                person_id=person_id,
                list_name=command.list_name.value,
                **chosen,
            )
            .on_conflict_do_update(index_elements=["tenant_id", "person_id", "list_name"], set_=chosen)
        )
    else:
        ctx.session.execute(
            delete(HiddenColumns).where(
                HiddenColumns.tenant_id == ctx.actor.tenant_id,
                HiddenColumns.person_id == person_id,
                HiddenColumns.list_name == command.list_name.value,
            )
        )
    ctx.audit(subject=person_id, **command.model_dump(mode="json"))
    return result


def hidden_columns(session: Session, tenant_id: UUID, person_id: UUID) -> Mapping[ListName, frozenset[ListColumn]]:
    """What the person has left out, of the lists where that is something. A column that is gone is left out of it."""
    rows = session.execute(
        select(HiddenColumns.list_name, HiddenColumns.columns).where(
            HiddenColumns.tenant_id == tenant_id, HiddenColumns.person_id == person_id
        )
    )
    found: dict[ListName, frozenset[ListColumn]] = {}
    for list_name, columns in rows:
        if list_name in list(ListName):
            known = COLUMNS[ListName(list_name)]
            found[ListName(list_name)] = frozenset(column for column in known if column.value in columns)
    return found


def columns_of_lists(hidden: Mapping[ListName, frozenset[ListColumn]]) -> Sequence[ListColumnsFacts]:
    """Every list with its columns, given what is left out."""
    return [
        ListColumnsFacts(
            list_name=list_name,
            columns=columns,
            hidden=tuple(column for column in columns if column in hidden.get(list_name, frozenset())),
        )
        for list_name, columns in COLUMNS.items()
    ]
