"""Enforcing the quotas that Moyai counts itself: people and service clients of a tenant."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from governance.kernel.errors import Conflict, message
from tenancy.quotas.labels import dimension_wording, unit_wording
from tenancy.quotas.queries import quotas_in_force

QUOTA_FULL = message(
    "quota.full",
    ja="利用枠（{label}）の上限 {value} {unit} に達しています。",
    en="The quota of {label} is reached: {value} {unit}.",
    hint_ja="利用枠の変更を申請してください。",
    hint_en="Request another quota.",
)


def enforce_quota(session: Session, tenant_id: UUID, dimension: str, count: int, *, today: date) -> None:
    """Raise Conflict when `count`, the number after the change, exceeds the tenant's quota of the dimension on `today`.

    The caller has locked the tenant's row, so that two changes do not count past each other. A tenant without a plan
    is still being set up: nothing is enforced.
    """
    for quota in quotas_in_force(session, tenant_id, today):
        if quota.dimension == dimension and quota.value is not None and count > quota.value:
            raise Conflict(
                QUOTA_FULL,
                label=dimension_wording(dimension, quota.label),
                value=quota.value,
                unit=unit_wording(quota.unit),
            )
