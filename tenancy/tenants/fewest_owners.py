"""How many owners a tenant always has at least, as its row says. Who may change it is decided in `tenancy.people`."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from tenancy.tenants.rows import tenant_row
from tenancy.tenants.states import FewestOwners


def record_fewest_owners(session: Session, tenant_id: UUID, fewest: FewestOwners) -> None:
    """Store how many owners the tenant is to have; its version counts on. Raises NotFound."""
    row = tenant_row(session, tenant_id)
    row.fewest_owners = fewest.value
    row.version += 1
