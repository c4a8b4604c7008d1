"""What waits for somebody, counted by the database: the columns in which each package counts its own waiting things.

The list of tasks (`admin.workflows.tasks`) reads them all as one statement, so a page costs one round trip more
however many kinds there are and however many tenants.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Label, Select, cast, func, literal, null
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import BigInteger, Uuid

NAMED_TENANTS: Final = 3
"""How many of the tenants that a row stands for it names."""

Column = ColumnElement[Any] | InstrumentedAttribute[Any]
WaitingColumns = tuple[Label[Any], Label[int], Label[datetime], Label[Sequence[UUID]]]
WaitingSelect = Select[Any, int, datetime, Sequence[UUID]]
"""A SELECT of `waiting_columns`."""


def waiting_columns(
    number: Column,
    *,
    facts: Column | None = None,
    since: Column | None = None,
    tenants: Column | None = None,
) -> WaitingColumns:
    """The columns of a SELECT of waiting things: `facts` (JSON that tells its rows apart), `number` of things,
    `since` when the oldest waits (null where nothing says so), `tenant_ids` of those to name.
    """
    return (
        cast(null() if facts is None else facts, JSONB).label("facts"),
        cast(number, BigInteger).label("number"),
        cast(null() if since is None else since, DateTime(timezone=True)).label("since"),
        cast(literal("{}") if tenants is None else tenants, ARRAY(Uuid)).label("tenant_ids"),
    )


def first_tenants(tenant_id: Column, order: Column) -> ColumnElement[Any]:
    """Aggregate: the ids of the first NAMED_TENANTS rows in this order."""
    return func.array_agg(aggregate_order_by(tenant_id, order), type_=ARRAY(Uuid))[1:NAMED_TENANTS]
