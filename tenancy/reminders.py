"""Whom a reminder (催促) goes to: of the tenants asked for something those whose owners get a mail; who is left out.

For acceptances of agreements, confirmations of announcements and access reviews alike: a tenant is reminded of one once
a day. What their commands have in common is declared here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import Field

from governance.commands import Result
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.errors import not_found
from governance.kernel.field_types import Id
from governance.kernel.labels import Label, LabelledEnum
from governance.kernel.models import ReadModel
from governance.kernel.sorted_unique import SORTED_UNIQUE


class NotReminded(LabelledEnum):
    """Why a tenant gets no reminder."""

    ACCEPTED = "accepted", "同意済み", "accepted"
    CONFIRMED = "confirmed", "確認済み", "confirmed"
    SIGNED = "signed", "署名済み", "signed"
    REMINDED_TODAY = "reminded-today", "本日催促済み", "reminded today"
    NO_OWNER = "no-owner", "団体管理者がいない", "without an owner"


class LeftOutTenant(ReadModel):
    """A tenant that gets no reminder, and why."""

    tenant_id: UUID
    name: str
    reason: NotReminded


ChosenTenants = Annotated[tuple[Id, ...], Field(max_length=2000), SORTED_UNIQUE]
"""The tenants that a command is to remind; none for all of them."""


def chosen_tenants(without: Label) -> Input:
    """The field for them; `without` says who is reminded where none is chosen."""
    return Input("催促する団体", "Tenants", without, option="tenant")


class Reminded(Result):
    """Whose owners get a mail, and who was left out and why."""

    reminded: tuple[UUID, ...]
    left_out: tuple[LeftOutTenant, ...]


class AskedTenant(Protocol):
    """A tenant that is asked for something, and when its owners were last reminded of it."""

    @property
    def tenant_id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def reminded_at(self) -> datetime | None: ...


AskedT = TypeVar("AskedT", bound=AskedTenant)

Done = Callable[[AskedT], NotReminded | None]
"""Says of a tenant that it has done what it is asked for; None where it has not."""


@dataclass(frozen=True, slots=True)
class ReminderPlan(Generic[AskedT]):
    """Whom a reminder goes to, and who of those chosen is left out."""

    reminded: tuple[AskedT, ...]
    left_out: tuple[LeftOutTenant, ...]


def plan_reminders(
    asked: Iterable[AskedT], chosen: Collection[UUID], owners: Mapping[UUID, int], today: date, done: Done[AskedT]
) -> ReminderPlan[AskedT]:
    """The plan for the chosen tenants; where none is chosen, for all that have not done it. Pure.

    `owners` says how many people of a tenant would get the mail. Raises NotFound for a chosen tenant that is not asked.
    """
    everybody = list(asked)
    for tenant_id in set(chosen) - {one.tenant_id for one in everybody}:
        raise not_found(what=Label("団体", "tenant"), given=tenant_id, field="tenant_ids")
    reminded, left_out = [], []
    for one in everybody:
        if (one.tenant_id not in chosen) if chosen else done(one) is not None:
            continue
        reason = done(one) or _reason_against(one, owners.get(one.tenant_id, 0), today)
        if reason is None:
            reminded.append(one)
        else:
            left_out.append(LeftOutTenant(tenant_id=one.tenant_id, name=one.name, reason=reason))
    return ReminderPlan(tuple(reminded), tuple(left_out))


def _reason_against(one: AskedTenant, owners: int, today: date) -> NotReminded | None:
    if one.reminded_at is not None and clock.jst_date(one.reminded_at) == today:
        return NotReminded.REMINDED_TODAY
    return None if owners else NotReminded.NO_OWNER


def count_left_out(left_out: Iterable[LeftOutTenant], nobody: Label) -> Label:
    """How many tenants are left out for each reason; `nobody` where there is none."""
    found = list(left_out)
    counts = [(reason, sum(one.reason is reason for one in found)) for reason in NotReminded]
    ja = "、".join(f"{reason.ja} {number:,}団体" for reason, number in counts if number)
    en = ", ".join(f"{number:,} {reason.en}" for reason, number in counts if number)
    return Label(ja, en) if ja else nobody
