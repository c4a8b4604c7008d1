"""Rows of agreements. Versions and acceptances are only ever added."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from governance.kernel.database import TableBase


class Agreement(TableBase):
    """An agreement by name (協定), whatever its version."""

    __tablename__ = "agreement"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[str]
    created_at: Mapped[datetime]


class AgreementVersion(TableBase):
    """A version (版): the text byte for byte, its SHA-256, and the day from which it binds."""

    __tablename__ = "agreement_version"
    __table_args__ = (
        UniqueConstraint("agreement_id", "number"),
        CheckConstraint("number >= 1", name="number_counts"),
        CheckConstraint("language IN ('ja', 'en')", name="language_known"),
        # The database computes it too, so that no text can ever stand beside another text's hash.
        CheckConstraint("sha256 = encode(sha256(convert_to(text, 'UTF8')), 'hex')", name="hash_of_text"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    agreement_id: Mapped[UUID] = mapped_column(ForeignKey("agreement.id"))
    number: Mapped[int] = mapped_column(Integer)
    language: Mapped[str]
    text: Mapped[str]
    sha256: Mapped[str]
    effective_from: Mapped[date]
    mandatory: Mapped[bool]
    published_by: Mapped[str]
    published_at: Mapped[datetime]


class Acceptance(TableBase):
    """A tenant's acceptance (同意) of one version: who signed, on whose behalf, by what authority, which text."""

    __tablename__ = "acceptance"
    __table_args__ = (UniqueConstraint("tenant_id", "id"), UniqueConstraint("tenant_id", "version_id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("agreement_version.id"))
    sha256: Mapped[str]
    signer_name: Mapped[str]
    signer_title: Mapped[str]
    on_behalf_of: Mapped[str]
    authority: Mapped[str]
    signed_on: Mapped[date]
    accepted_by: Mapped[str]
    accepted_at: Mapped[datetime]
