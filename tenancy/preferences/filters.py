"""Filters of lists that a person keeps under a name. Whoever sends a command changes their own alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message, not_found
from governance.kernel.field_type import FieldType
from governance.kernel.field_types import PLAIN_LINE, Id
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.models import ReadModel
from governance.kernel.yen import printable
from governance.permissions import Permission
from tenancy.preferences.commands import person_of
from tenancy.preferences.tables import SavedFilter

MAX_FILTERS: Final = 50
MAX_ADDRESS_LENGTH: Final = 500

NOT_A_LIST = message(
    "filter.not_a_list",
    ja="「{given}」は、絞り込んだ一覧のアドレスではありません。一覧を絞り込んだ画面のアドレスを、「/」から最後まで入力してください。",
    en="“{given}” is not the address of a filtered list. Enter that of a list you filtered, from its “/” on.",
)
NAME_TAKEN = message(
    "filter.name_taken",
    ja="この一覧には「{name}」という自分の絞り込みがすでにあります。別の名前にしてください。",
    en="You already keep a filter of this list as “{name}”. Choose another name.",
)
TOO_MANY = message(
    "filter.too_many",
    ja="自分の絞り込みは{most}件までです。使わないものを削除してください。",
    en="You can keep {most} filters. Delete one that you no longer use.",
)
_FILTER: Final = Label("自分の絞り込み", "filter")
_ADDRESS: Final = re.compile(r"(/[a-z0-9][A-Za-z0-9/_-]*|/)\?([!-~]+)")


def _check_address(value: str) -> str:
    if len(value) > MAX_ADDRESS_LENGTH or not _ADDRESS.fullmatch(value) or "//" in value.partition("?")[0]:
        raise Invalid(NOT_A_LIST, given=printable(value))
    return value


LIST_ADDRESS: Final = FieldType(
    name="list_address",
    read=lambda text: text.strip(),
    check=_check_address,
    hint=Label(
        "一覧を絞り込んだ画面のアドレスのうち、「/」から最後までの部分です。",
        "Of the address of a filtered list, the part from its “/” to the end.",
    ),
    right=("/tenants?state=active", "/audit?q=a"),
    wrong=(("/tenants", "filter.not_a_list"), ("https://example.jp/?a=b", "filter.not_a_list")),
    json_schema={"maxLength": MAX_ADDRESS_LENGTH},
)
ListAddress = Annotated[str, StringConstraints(max_length=2_000), LIST_ADDRESS]
"""The address of a list of ours with its filter: a path, and what stands after the question mark, in ASCII."""

MAX_NAME_LENGTH: Final = 60

FILTER_NAME: Final = PLAIN_LINE.but(name="filter_name", json_schema={"minLength": 1, "maxLength": MAX_NAME_LENGTH})
FilterName = Annotated[str, StringConstraints(max_length=MAX_NAME_LENGTH), FILTER_NAME]
"""What somebody calls a filter of theirs."""


class SavedFilterFacts(ReadModel):
    """A filter that a person keeps; `address` is the list with it."""

    id: UUID
    name: str
    address: str


class SaveFilter(Command):
    """A filter of a list as it stands in the address, and the name to keep it under."""

    address: Annotated[ListAddress, Input("一覧のアドレス", "Address of the list")]
    name: Annotated[FilterName, Input("名前", "Name")]


class RenameFilter(Command):
    """One of one's own filters, and its new name."""

    filter_id: Annotated[Id, Input("自分の絞り込み", "Filter")]
    name: Annotated[FilterName, Input("名前", "Name")]


class DeleteFilter(Command):
    """One of one's own filters that is no longer needed."""

    filter_id: Annotated[Id, Input("自分の絞り込み", "Filter")]


class FilterSaved(Result):
    filter_id: UUID


class FilterDeleted(Result):
    filter_id: UUID


@handles(Permission.PREFERENCES_SAVE, Event.FILTER_SAVED)
def save_filter(ctx: CommandContext, command: SaveFilter) -> FilterSaved:
    """Keep a filter for oneself. Raises Conflict for a name that this list has, and beyond 50."""
    person_id = person_of(ctx.actor)
    path, _, query = command.address.partition("?")
    advisory_lock(ctx.session, f"filters.{person_id}")
    mine = (SavedFilter.tenant_id == ctx.actor.tenant_id, SavedFilter.person_id == person_id)
    if (ctx.session.scalar(select(func.count()).select_from(SavedFilter).where(*mine)) or 0) >= MAX_FILTERS:
        raise Conflict(TOO_MANY, most=MAX_FILTERS)
    _refuse_taken(ctx, person_id, path, command.name)
    row = SavedFilter(
        id=new_id(),
        tenant_id=ctx.actor.tenant_id,
        person_id=person_id,
        path=path,
        query=query,
        name=command.name,
        saved_at=ctx.now,
    )
    ctx.session.add(row)
    # What a filter is called and searches for may name people, and is nobody else's.
    ctx.audit(subject=row.id)
    return FilterSaved(filter_id=row.id)


@handles(Permission.PREFERENCES_SAVE, Event.FILTER_RENAMED)
def rename_filter(ctx: CommandContext, command: RenameFilter) -> FilterSaved:
    """Rename one of one's own filters. Raises NotFound, also for another person's, and Conflict for a name in use."""
    row = _own_filter(ctx, command.filter_id)
    if row.name == command.name:
        ctx.mark_noop()
        return FilterSaved(filter_id=row.id)
    advisory_lock(ctx.session, f"filters.{row.person_id}")
    _refuse_taken(ctx, row.person_id, row.path, command.name)
    row.name = command.name
    ctx.audit(subject=row.id)
    return FilterSaved(filter_id=row.id)


@handles(Permission.PREFERENCES_SAVE, Event.FILTER_DELETED)
def delete_filter(ctx: CommandContext, command: DeleteFilter) -> FilterDeleted:
    """Delete one of one's own filters. Raises NotFound, also for another person's."""
    row = _own_filter(ctx, command.filter_id)
    ctx.session.delete(row)
    ctx.audit(subject=row.id)
    return FilterDeleted(filter_id=row.id)


def forget_filters(session: Session, tenant_id: UUID, person_id: UUID) -> None:
    """Delete what somebody kept who is gone: it may name people, and nobody else could delete it later."""
    session.execute(delete(SavedFilter).where(SavedFilter.tenant_id == tenant_id, SavedFilter.person_id == person_id))


def saved_filters(
    session: Session, tenant_id: UUID, person_id: UUID, path: str | None = None
) -> Sequence[SavedFilterFacts]:
    """The person's filters by list and name; of one list where given."""
    query = select(SavedFilter).where(SavedFilter.tenant_id == tenant_id, SavedFilter.person_id == person_id)
    if path is not None:
        query = query.where(SavedFilter.path == path)
    found = session.scalars(query.order_by(SavedFilter.path, SavedFilter.name, SavedFilter.id))
    return [_facts(row) for row in found]


def saved_filter(session: Session, tenant_id: UUID, person_id: UUID, filter_id: UUID) -> SavedFilterFacts:
    """One of the person's filters. Raises NotFound, also for another person's."""
    return _facts(_row(session, tenant_id, person_id, filter_id))


def _facts(row: SavedFilter) -> SavedFilterFacts:
    return SavedFilterFacts(id=row.id, name=row.name, address=f"{row.path}?{row.query}")


def _own_filter(ctx: CommandContext, filter_id: UUID) -> SavedFilter:
    return _row(ctx.session, ctx.actor.tenant_id, person_of(ctx.actor), filter_id)


def _row(session: Session, tenant_id: UUID, person_id: UUID, filter_id: UUID) -> SavedFilter:
    row = session.scalar(
        select(SavedFilter).where(
            SavedFilter.tenant_id == tenant_id, SavedFilter.person_id == person_id, SavedFilter.id == filter_id
        )
    )
    if row is None:
        raise not_found(what=_FILTER, given=filter_id, field="filter_id")
    return row


def _refuse_taken(ctx: CommandContext, person_id: UUID, path: str, name: str) -> None:
    taken = select(SavedFilter.id).where(
        SavedFilter.tenant_id == ctx.actor.tenant_id,
        SavedFilter.person_id == person_id,
        SavedFilter.path == path,
        SavedFilter.name == name,
    )
    if ctx.session.scalar(taken) is not None:
        raise Conflict(NAME_TAKEN, field="name", name=name)
