"""How long a login lasts, for everybody: one versioned record, whose lengthening a second person approves.

It holds here from the next request on, also for who is signed in. Keycloak has limits of its own, written by `moyai
keycloak configure`; until then the shorter of both holds, and the drift report names the difference.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from sqlalchemy import ColumnElement, Interval, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from admin.identity.lifetimes import ABSOLUTE, IDLE, LONGEST, STEP_UP
from admin.identity.tables import SignInLimitsVersion
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.errors import Invalid, message
from governance.kernel.field_types import Count
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.models import ReadModel
from governance.permissions import Permission, SecondPerson

IDLE_MINUTES: Final = range(5, 121)
LONGEST_HOURS: Final = range(1, int(LONGEST.total_seconds() // 3600) + 1)
STEP_UP_MINUTES: Final = range(1, 61)
OUT_OF_RANGE: Final = message(
    "sign_in_limits.out_of_range",
    ja="{given} は指定できません。{lowest} から {highest} までの数を入力してください。",
    en="{given} is not possible. Enter a number from {lowest} to {highest}.",
)
IDLE_TOO_LONG: Final = message(
    "sign_in_limits.idle_too_long",
    ja="操作がないときの時間（{idle}分）が、ログインの最長時間（{longest}時間）を超えています。",
    en="The time without a click ({idle} minutes) is longer than the longest login ({longest} hours).",
)


class SignInLimits(ReadModel):
    """The limits in force. `number` is 0 while nobody has set any; minutes without a click, hours at most, and minutes
    for which a second factor counts as fresh."""

    number: int = 0
    idle_minutes: int = int(IDLE.total_seconds() // 60)
    longest_hours: int = int(ABSOLUTE.total_seconds() // 3600)
    step_up_minutes: int = int(STEP_UP.total_seconds() // 60)
    set_at: datetime | None = None
    set_by: str | None = None

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.idle_minutes)

    @property
    def longest(self) -> timedelta:
        return timedelta(hours=self.longest_hours)

    @property
    def step_up(self) -> timedelta:
        return timedelta(minutes=self.step_up_minutes)


class SetSignInLimits(Command):
    """All limits of logins. What they replace stays as an earlier version."""

    idle_minutes: Annotated[
        Count,
        Input("操作がないときに終わるまで（分）", "Minutes without a click", Label("5から120まで", "5 to 120")),
    ]
    longest_hours: Annotated[
        Count,
        Input("ログインの最長時間（時間）", "Hours a login lasts at most", Label("1から24まで", "1 to 24")),
    ]
    step_up_minutes: Annotated[
        Count,
        Input(
            "承認などの前に二要素認証を求めるまで（分）",
            "Minutes for which a second factor is fresh",
            Label("1から60まで", "1 to 60"),
        ),
    ]

    @check("idle_minutes")
    @staticmethod
    def _idle(given: int) -> None:
        _require_within(given, IDLE_MINUTES, "idle_minutes")

    @check("longest_hours")
    @staticmethod
    def _longest(given: int) -> None:
        _require_within(given, LONGEST_HOURS, "longest_hours")

    @check("step_up_minutes")
    @staticmethod
    def _step_up(given: int) -> None:
        _require_within(given, STEP_UP_MINUTES, "step_up_minutes")

    @check("idle_minutes", "longest_hours")
    @staticmethod
    def _idle_within_longest(idle: int, longest: int) -> None:
        if longest in LONGEST_HOURS and idle > longest * 60:
            raise Invalid(IDLE_TOO_LONG, field="idle_minutes", idle=idle, longest=longest)


def _require_within(given: int, allowed: range, field: str) -> None:
    if given not in allowed:
        raise Invalid(OUT_OF_RANGE, field=field, given=given, lowest=allowed[0], highest=allowed[-1])


class SignInLimitsSet(Result):
    """The record's version, from 1."""

    number: int


def _who_decides(ctx: CommandContext, command: SetSignInLimits) -> SecondPerson | None:
    """A second person where a limit becomes longer; shortening them does not wait."""
    present = sign_in_limits(ctx.session)
    wanted = command.model_dump(exclude={"comment"})
    is_longer = any(wanted[name] > getattr(present, name) for name in wanted)
    return SecondPerson.SETTINGS if is_longer else None


@handles(
    Permission.SIGN_IN_LIMITS_SET,
    Event.SIGN_IN_LIMITS_SET,
    approval=_who_decides,
    edits="sign-in limits",
)
def set_sign_in_limits(ctx: CommandContext, command: SetSignInLimits) -> SignInLimitsSet:
    """Set how long logins last: at once where none becomes longer, else when a second person has approved it.

    The same limits again change nothing.
    """
    advisory_lock(ctx.session, "sign-in.limits")
    present, wanted = sign_in_limits(ctx.session), command.model_dump()
    if present.number and present.model_dump(include=set(wanted)) == wanted:
        ctx.mark_noop()
        return SignInLimitsSet(number=present.number)
    number = present.number + 1
    row = SignInLimitsVersion(id=new_id(), number=number, set_by=ctx.actor.id, set_at=ctx.now, **wanted)
    ctx.session.add(row)
    ctx.audit(subject=row.id, number=number, **wanted)
    return SignInLimitsSet(number=number)


def sign_in_limits(session: Session) -> SignInLimits:
    """The limits in force; the usual ones where nobody has set any. Read in any scope."""
    newest = select(SignInLimitsVersion).order_by(SignInLimitsVersion.number.desc()).limit(1)
    found = session.scalars(newest).first()
    if found is None:
        return SignInLimits()
    values = {name: getattr(found, name) for name in SignInLimits.model_fields}
    return SignInLimits(**values)


def idle_limit() -> ColumnElement[timedelta]:
    """The time without a click that ends a session, for a condition: read within the statement, at each request."""
    return _hours_and_minutes(0, _newest(SignInLimitsVersion.idle_minutes, SignInLimits().idle_minutes))


def longest_limit() -> ColumnElement[timedelta]:
    """The time that a session lasts at most, for a condition."""
    return _hours_and_minutes(_newest(SignInLimitsVersion.longest_hours, SignInLimits().longest_hours), 0)


def _newest(column: InstrumentedAttribute[int], usual: int) -> ColumnElement[int]:
    newest = select(column).order_by(SignInLimitsVersion.number.desc()).limit(1).scalar_subquery()
    return func.coalesce(newest, usual)


def _hours_and_minutes(hours: ColumnElement[int] | int, minutes: ColumnElement[int] | int) -> ColumnElement[timedelta]:
    years = months = weeks = days = 0
    return func.make_interval(years, months, weeks, days, hours, minutes, type_=Interval)
