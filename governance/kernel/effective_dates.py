"""Rows that hold from a day until, not including, another: one column pair, one comparison, one way to supersede.

Half-open intervals, so that the successor begins on the day its predecessor ends and no day has two values or none.
An open end (NULL) holds until something supersedes it.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ColumnElement, or_
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, Session

from governance.kernel.errors import Conflict, Message


class EffectiveDated:
    """Mixin of a table whose rows hold on the days [valid_from, valid_until).

    A table that counts in instants declares both columns as `Mapped[datetime] = mapped_column()` and is asked about
    an instant.
    """

    valid_from: Mapped[date]
    valid_until: Mapped[date | None]

    def _holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or self.valid_until > day)

    @classmethod
    def _is_in_force_on(cls, day: date) -> ColumnElement[bool]:
        return (cls.valid_from <= day) & or_(cls.valid_until.is_(None), cls.valid_until > day)

    in_force_on = hybrid_method(_holds_on, _is_in_force_on)
    """`row.in_force_on(day)`: whether it holds on that day. `Table.in_force_on(day)`: the condition, for a query."""

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """The condition that nothing has ended or superseded the row yet."""
        return cls.valid_until.is_(None)


def interval_check(*, may_be_empty: bool = True) -> CheckConstraint:
    """The CHECK of an effective-dated table that no interval ends before it begins.

    An empty interval is one that was superseded on its first day; `may_be_empty=False` refuses it.
    """
    comparison = ">=" if may_be_empty else ">"
    return CheckConstraint(f"valid_until IS NULL OR valid_until {comparison} valid_from", name="interval")


def supersede(
    session: Session,
    current: EffectiveDated | None,
    successor: EffectiveDated,
    *,
    later_exists: Message,
    may_be_empty: bool = True,
    **facts: object,
) -> None:
    """Add the successor, and end the row it replaces, if there is one, on the day the successor begins.

    Raises Conflict (`later_exists` with the facts `given`, `later` and those passed, at the field `valid_from`) where
    that row begins after the successor: a value that was decided for later is not taken back in passing. With
    `may_be_empty=False`, as in the table's `interval_check`, also where both begin on the same day.
    """
    if current is not None:
        if current.valid_from > successor.valid_from or (
            current.valid_from == successor.valid_from and not may_be_empty
        ):
            raise Conflict(
                later_exists,
                field="valid_from",
                given=successor.valid_from.isoformat(),
                later=current.valid_from.isoformat(),
                **facts,
            )
        current.valid_until = successor.valid_from
        # The old row ends before the new one is written: a unique index allows one open row at a time.
        session.flush()
    session.add(successor)
