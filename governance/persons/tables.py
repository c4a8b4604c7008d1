"""The accounts of people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class PersonAccount(TableBase):
    """An account that belongs to a person: two accounts with a common `person_id` are one person's.

    `account` is the id that an actor has: the `person_id` of a member, or `cli:` and a user of the operating system.
    A trigger adds a row for every member, whose `person_id` is made of the e-mail address; rows are only ever added,
    so that no change of an address makes two people of one.
    """

    __tablename__ = "person_account"
    __table_args__ = (Index("ix_person_account_account", "account"),)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    joined_by: Mapped[str]
    joined_at: Mapped[datetime]
