"""Rows that the commands of this package change. Not imported outside the package."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.kernel.errors import require_found
from governance.kernel.labels import Label
from tenancy.tenants.tables import Cohort, Tenant


def tenant_row(session: Session, tenant_id: UUID) -> Tenant:
    """The tenant's row, locked (FOR UPDATE) to the end of the transaction. Raises NotFound."""
    found = session.get(Tenant, tenant_id, with_for_update=True, populate_existing=True)
    return require_found(found, what=Label("団体", "tenant"), given=tenant_id, field="tenant_id")


def cohort_row(session: Session, name: str) -> Cohort | None:
    """The cohort's row, or None."""
    return session.scalars(select(Cohort).where(Cohort.name == name)).first()
