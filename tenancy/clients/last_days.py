"""The last day of a service client and of its keys: changing it, and who is warned that it comes.

A warning is due 30 days before, and once more 7 days before. What was handed out is noted with the client, by what
ends, so that another last day is warned of anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Date, Select, cast, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from governance import outbox
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.field_types import EndDate, Id, LongLine, last_day
from governance.kernel.labels import Label
from governance.kernel.waiting import WaitingSelect, waiting_columns
from governance.permissions import Permission
from tenancy.clients.commands import ENDS_BEFORE_IT_BEGINS, STOPPED_ALREADY, lock_client, require_own_rights
from tenancy.clients.states import ClientState
from tenancy.clients.suspension import ClientId
from tenancy.clients.tables import ServiceClient
from tenancy.tenants.queries import lock_tenant

WARN_OF_LAST_DAY: Final = "client.warn-of-last-day"
"""The job that mails who looks after a client that it, or one of its keys, comes to its last day."""

DAYS_BEFORE: Final = (7, 30)
"""How many days before the last day a warning is due, the latest first."""

ITSELF: Final = ""
"""What ends where it is no key but the client."""

OF_SECRET: Final = "secret:"  # noqa: S105 - a name, no secret
"""How a secret is called among what ends, before its number."""

SAME_LAST_DAY: Final = message(
    "client.same_last_day",
    ja="最終日は変わっていません。",
    en="That is the present last day.",
)
LAST_DAY_OF_THE_OPERATORS: Final = message(
    "client.last_day_of_the_operators",
    ja="運営者の連携システムの最終日は変えられません。別の人の承認を受けて、登録し直してください。",
    en="The last day of the operator's service clients is not changed; register the client anew, which another "
    "approves.",
)


class SetClientLastDay(Command):
    """Until when a system may call; without a day there is no end."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    client_id: ClientId
    valid_until: Annotated[
        EndDate | None,
        Input("最終日（この日まで有効）", "Last day", Label("空欄なら期限なし", "no end if empty"), option="last-day"),
    ] = None
    reason: Annotated[LongLine, Input("理由", "Reason")]


class ClientLastDaySet(Result):
    """The end that counts now, and the one before; null for no end."""

    client_id: UUID
    before: date | None
    valid_until: date | None


class LastDayWarning(NamedTuple):
    """That a client (`kid` is ITSELF) or one of its keys ends before `ends_on` (JST), in so many days or fewer."""

    kid: str
    ends_on: date
    days: int


@handles(Permission.CLIENT_SET_LAST_DAY, Event.CLIENT_LAST_DAY_SET, edits="client {client_id}")
def set_client_last_day(ctx: CommandContext, command: SetClientLastDay) -> ClientLastDaySet:
    """Set or take away the last day of a system. One that is over is let in again at once.

    Raises NotFound, NotAllowed for a system that may do what the actor may not, Invalid for a day in the past, Conflict
    where nothing changes, for the operator's and for one that was stopped for good.
    """
    if command.valid_until is not None and command.valid_until <= ctx.today:
        raise Invalid(ENDS_BEFORE_IT_BEGINS, field="valid_until", given=last_day(command.valid_until).isoformat())
    tenant = lock_tenant(ctx.session, command.tenant_id)
    client = lock_client(ctx.session, command.client_id, tenant.id)
    if tenant.is_operator:
        raise Conflict(LAST_DAY_OF_THE_OPERATORS, field="client_id")
    if client.state == ClientState.STOPPED:
        raise Conflict(STOPPED_ALREADY, field="client_id")
    require_own_rights(ctx, client.scopes)
    before = client.valid_until
    if before == command.valid_until:
        raise Conflict(SAME_LAST_DAY, field="valid_until")
    client.valid_until = command.valid_until
    ctx.session.flush()
    ends: dict[str, Any] = {} if command.valid_until is None else {"valid_until": command.valid_until.isoformat()}
    ctx.audit(
        subject=client.id,
        tenant_id=tenant.id,
        reason=command.reason,
        valid_until_before=None if before is None else before.isoformat(),
        **ends,
    )
    return ClientLastDaySet(client_id=client.id, before=before, valid_until=command.valid_until)


def due_warnings(ends: Mapping[str, date], warned: Mapping[str, str], today: date) -> list[LastDayWarning]:
    """The warnings to hand out now, of what ends when (by kid or ITSELF), after those in `warned`. Pure.

    Of several that are due for one thing it is the latest only: a worker that was down does not warn twice in a row.
    """
    found = []
    for kid, ends_on in sorted(ends.items()):
        left = (last_day(ends_on) - today).days
        due = next((days for days in DAYS_BEFORE if 0 <= left <= days), None)
        if due is not None and warned.get(kid) not in _handed_out(ends_on, due):
            found.append(LastDayWarning(kid, ends_on, due))
    return found


def claim_warnings(session: Session, today: date, now: datetime, *, limit: int) -> Sequence[UUID]:
    """A job for each warning that is due of at most `limit` clients; returns their ids. Commits nothing.

    From now on they were handed out. Two workers at once claim different clients.
    """
    coming = select(ServiceClient).where(ServiceClient.id.in_(select(_coming_ends(today).subquery().c.id)))
    due = [row.id for row in session.scalars(coming.order_by(ServiceClient.id)) if _due_of(row, today)][:limit]
    if not due:
        # Most rounds: nothing is locked.
        return ()
    chosen = select(ServiceClient).where(ServiceClient.id.in_(due)).order_by(ServiceClient.id)
    rows = session.scalars(chosen.with_for_update(skip_locked=True).execution_options(populate_existing=True))
    claimed: list[UUID] = []
    for row in rows:
        warnings = _due_of(row, today)
        if not warnings:
            continue
        # What ended or was removed meanwhile is forgotten.
        ends = _ends_of_row(row)
        kept = {kid: said for kid, said in row.warned.items() if kid in ends}
        row.warned = kept | {one.kid: _said(one.ends_on, one.days) for one in warnings}
        for one in warnings:
            payload = {
                "tenant_id": str(row.tenant_id),
                "client_id": str(row.id),
                "kid": one.kid,
                "ends_on": one.ends_on.isoformat(),
            }
            outbox.enqueue(session, row.tenant_id, WARN_OF_LAST_DAY, payload, now)
        claimed.append(row.id)
    session.flush()
    return claimed


def coming_last_days(tenant_id: UUID, today: date) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the tenant's clients and keys that end in 30 days or fewer, one a row."""
    ends = _coming_ends(today).subquery()
    facts = func.jsonb_build_object(
        *("ending", func.concat(ends.c.id, ":", ends.c.kid)),
        *("client", ends.c.id, "name", ends.c.name, "kid", ends.c.kid),
        *("last_day", ends.c.ends_on - literal(1)),
    )
    return select(*waiting_columns(literal(1), facts=facts, tenants=array([ends.c.tenant_id]))).where(
        ends.c.tenant_id == tenant_id
    )


def _coming_ends(today: date) -> Select[UUID, UUID, str, str, date]:
    """A SELECT of id, tenant_id, name, kid (or ITSELF) and ends_on of what ends in 30 days or fewer."""
    key = func.jsonb_each_text(ServiceClient.key_ends).table_valued("key", "value", joins_implicitly=True)
    secret = func.jsonb_each_text(ServiceClient.secret_ends).table_valued("key", "value", joins_implicitly=True)
    is_there = ServiceClient.state != ClientState.STOPPED
    named = (ServiceClient.id, ServiceClient.tenant_id, ServiceClient.name)
    both = union_all(
        select(*named, literal(ITSELF).label("kid"), ServiceClient.valid_until.label("ends_on")).where(is_there),
        select(*named, key.c.key, cast(key.c.value, Date)).where(is_there),
        select(*named, literal(OF_SECRET) + secret.c.key, cast(secret.c.value, Date)).where(is_there),
    ).subquery()
    # The last day is the one before `ends_on`.
    return select(both.c.id, both.c.tenant_id, both.c.name, both.c.kid, both.c.ends_on).where(
        both.c.ends_on > today, both.c.ends_on <= today + timedelta(days=max(DAYS_BEFORE) + 1)
    )


def _said(ends_on: date, days: int) -> str:
    return f"{ends_on.isoformat()}/{days}"


def _handed_out(ends_on: date, days: int) -> set[str]:
    """What is noted where this warning, or a later one of the same last day, was handed out."""
    return {_said(ends_on, one) for one in DAYS_BEFORE if one <= days}


def _due_of(row: ServiceClient, today: date) -> list[LastDayWarning]:
    return due_warnings(_ends_of_row(row), row.warned, today)


def _ends_of_row(row: ServiceClient) -> dict[str, date]:
    """When a client, its keys and its secrets end, by kid, OF_SECRET and number, or ITSELF."""
    named = {**row.key_ends, **{OF_SECRET + number: end for number, end in row.secret_ends.items()}}
    ends = {name: date.fromisoformat(end) for name, end in named.items()}
    return ends if row.valid_until is None else {ITSELF: row.valid_until, **ends}
