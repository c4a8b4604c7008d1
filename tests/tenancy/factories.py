"""Tenants to try things on: registered by the people who would, in the words of the tests."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from sqlalchemy import text

from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
from governance.audit.tables import AuditEvent
from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy.quotas.commands import AssignPlan, DefinePlan, assign_plan, define_plan
from tenancy.tenants.commands import ChangeTenantState, RegisterTenant, change_tenant_state, register_tenant
from tenancy.tenants.states import TenantKind, TenantState
from tests.actors import Actors

STANDARD: Final[dict[str, int | None]] = {
    "api_calls": 100_000,
    "storage_gib": 50,
    "users": 3,
    "service_clients": 1,
}


def kumamoto_city(actors: Actors) -> UUID:
    """熊本市, an applicant."""
    return register_applicant(actors, "431001", "熊本市", "クマモトシ", TenantKind.CITY)


def aso_city(actors: Actors) -> UUID:
    """阿蘇市, an applicant."""
    return register_applicant(actors, "432148", "阿蘇市", "アソシ", TenantKind.CITY)


def register_applicant(actors: Actors, code: str | None, name: str, kana: str, kind: TenantKind) -> UUID:
    return register_tenant(
        RegisterTenant(code=code, name=name, kana=kana, kind=kind), actor=actors.onboarding
    ).tenant_id


def publish(actors: Actors, effective_from: date = date(2025, 4, 1), words: str = "第1条 目的") -> UUID:
    """A version of the agreement, mandatory from that day."""
    return publish_agreement(
        PublishAgreement(
            name="joint-use", title="共同利用協定", language="ja", text=words, effective_from=effective_from
        ),
        actor=actors.onboarding,
    ).version_id


def acceptance(tenant_id: UUID, version_id: UUID) -> AcceptAgreement:
    """The mayor accepts for the city."""
    return AcceptAgreement(
        tenant_id=tenant_id,
        version_id=version_id,
        signer_name="肥後 花子",
        signer_title="市長",
        on_behalf_of="熊本市",
        authority="地方自治法第147条",
        signed_on=date(2025, 3, 20),
    )


def accept(actors: Actors, tenant_id: UUID, version_id: UUID) -> UUID:
    return accept_agreement(acceptance(tenant_id, version_id), actor=actors.onboarding).acceptance_id


def change_state(actors: Actors, tenant_id: UUID, *states: TenantState, on: date | None = None) -> None:
    for state in states:
        change_tenant_state(
            ChangeTenantState(tenant_id=tenant_id, to=state, reason="審査のとおり", effective_on=on),
            actor=actors.onboarding,
        )


TO_PROVISIONING: Final = (TenantState.SCREENING, TenantState.AGREED, TenantState.PROVISIONING)


def define_standard(actors: Actors, since: date = date(2025, 4, 1), **other: int | None) -> None:
    define_plan(
        DefinePlan(name="standard", label="標準", quotas=STANDARD | other, valid_from=since), actor=actors.onboarding
    )


def put_on_standard(actors: Actors, tenant_id: UUID, since: date = date(2025, 4, 1)) -> None:
    assign_plan(AssignPlan(tenant_id=tenant_id, plan="standard", valid_from=since), actor=actors.onboarding)


def rows(table: str) -> list[tuple[object, ...]]:
    """Every row of the table in the operator's eyes, to compare before and after."""
    with tenant_scope(OPERATOR):
        return sorted((tuple(row) for row in db.session.execute(text(f"SELECT * FROM {table}"))), key=repr)


def recorded(event: str, outcome: str = "done") -> list[AuditEvent]:
    """What the record says of this event, oldest first."""
    with tenant_scope(OPERATOR):
        return [
            row
            for row in db.session.query(AuditEvent).order_by(AuditEvent.id)
            if (row.event, row.outcome) == (event, outcome)
        ]
