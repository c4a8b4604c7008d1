"""The write door of tenants."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel.errors import Conflict, reason
from governance.permissions import Permission
from tenancy.keycloak.port import organization_alias
from tenancy.tenants.states import TenantKind, TenantState
from tenancy.tenants.tables import Tenant

OPERATOR_EXISTS = reason(
    "operator.exists",
    ja="運営者はすでに登録されています。運営者は 1 団体だけです。",
    en="The operator is registered already; there is one operator only.",
)

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class RegisterOperator(Order):
    """The prefecture that runs the platform. `tenant_id` is chosen by the caller, because it is also the actor's."""

    tenant_id: UUID
    code: str
    name: Name
    kana: Name
    name_en: Name | None = None


class OperatorRegistered(Outcome):
    tenant_id: UUID


@command(Permission.OPERATOR_REGISTER, Event.OPERATOR_REGISTERED)
def register_operator(work: Work, order: RegisterOperator) -> OperatorRegistered:
    """Register the prefecture as the operator: the first row of all. Raises Conflict when there is one."""
    if work.session.query(Tenant).filter(Tenant.is_operator).first() is not None:
        raise Conflict(OPERATOR_EXISTS)
    work.session.add(
        Tenant(
            id=order.tenant_id,
            code=order.code,
            name=order.name,
            kana=order.kana,
            name_en=order.name_en,
            kind=TenantKind.PREFECTURE,
            state=TenantState.ACTIVE,
            is_operator=True,
            alias=organization_alias(order.tenant_id),
            version=1,
            registered_at=work.now,
        )
    )
    work.session.flush()
    work.record(subject=order.tenant_id, tenant_id=order.tenant_id, code=order.code)
    return OperatorRegistered(tenant_id=order.tenant_id)
