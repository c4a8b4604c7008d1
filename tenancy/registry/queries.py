"""The register of a month: every tenant with its state, plan, people and contact."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from governance.grants import select_roles_in_force
from governance.kernel.clock import JST
from governance.kernel.errors import Invalid, message
from governance.kernel.field_types import last_day
from governance.permissions import Role
from tenancy.quotas.queries import plans_of_tenants
from tenancy.registry.models import MonthlyChange, RegistryRow
from tenancy.tenants.membership_history import first_registration, states_on

NOT_A_MONTH = message(
    "registry.not_a_month",
    ja="「{given}」は月ではありません。2026-11 のように入力してください。",
    en="“{given}” is not a month; write it as 2026-11.",
)
MONTH_TO_COME = message(
    "registry.month_to_come", ja="{given} は、まだ始まっていません。", en="{given} has not begun yet."
)

_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_MAX_OFFERED: Final = 60


def first_of_month(text: str, today: date) -> date:
    """The first day of a month such as 2026-11. Raises Invalid for another text, and for a month to come."""
    found = _MONTH.fullmatch(text)
    if found is None or not 1989 <= int(found[1]) <= 2100:
        raise Invalid(NOT_A_MONTH, field="month", given=text[:20])
    first = date(int(found[1]), int(found[2]), 1)
    if first > today:
        raise Invalid(MONTH_TO_COME, field="month", given=text)
    return first


def as_of(first: date, today: date) -> date:
    """The day that the register of a month is of: its last one, and today in the present month."""
    following = (first + timedelta(days=32)).replace(day=1)
    return min(last_day(following), today)


def months(session: Session, today: date) -> list[date]:
    """The first days of the months that there is a register of, the present one first, at most 60."""
    begun = first_registration(session) or today
    found: list[date] = []
    month = today.replace(day=1)
    while month >= begun.replace(day=1) and len(found) < _MAX_OFFERED:
        found.append(month)
        month = (month - timedelta(days=1)).replace(day=1)
    return found


def registry(session: Session, first: date, today: date) -> list[RegistryRow]:
    """The register of the month that begins on `first`, by code; without the operator."""
    day = as_of(first, today)
    end_of_day = datetime.combine(day, time(23, 59, 59), JST)
    people: dict[UUID, set[UUID]] = defaultdict(set)
    owners: dict[UUID, set[UUID]] = defaultdict(set)
    for row in session.execute(select_roles_in_force(end_of_day)):
        people[row.tenant_id].add(row.person_id)
        if row.role == Role.TENANT_OWNER:
            owners[row.tenant_id].add(row.person_id)
    plans = plans_of_tenants(session, day)
    return [
        RegistryRow(
            tenant_id=one.id,
            code=one.code,
            name=one.name,
            kana=one.kana,
            kind=one.kind,
            state=one.state,
            state_since=one.state_since,
            changes=tuple(MonthlyChange(on=on, state=state) for on, state in one.changes),
            cohort=one.cohort,
            first_day=one.first_day,
            last_day=None if one.ends_on is None else last_day(one.ends_on),
            plan=plans.get(one.id),
            owners=len(owners[one.id]),
            people=len(people[one.id]),
            contact_section=None if one.contact is None else one.contact.section,
            contact_name=None if one.contact is None else one.contact.name,
            contact_email=None if one.contact is None else one.contact.email,
            contact_phone=None if one.contact is None else one.contact.phone,
        )
        for one in states_on(session, day, since=first)
    ]
