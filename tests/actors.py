"""Who acts in the tests: one person for each role, each with an id of its own."""

from __future__ import annotations

from uuid import UUID

from governance.actors import Actor, ActorKind, system_actor
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.tenants.commands import RegisterOperator, register_operator


def seed_operator() -> UUID:
    """Register 熊本県 as the operator and return its id."""
    operator_id = new_id()
    register_operator(
        RegisterOperator(
            tenant_id=operator_id, code="430005", name="熊本県", kana="クマモトケン", name_en="Kumamoto Prefecture"
        ),
        actor=system_actor("setup", operator_id),
    )
    return operator_id


class Actors:
    """People of the operator by role; `municipal` makes people of a tenant."""

    def __init__(self, operator_tenant: UUID) -> None:
        self.operator_tenant = operator_tenant
        self.onboarding = self._operator(Role.OPERATOR_ONBOARDING)
        self.finance = self._operator(Role.OPERATOR_FINANCE)
        self.approver = self._operator(Role.OPERATOR_APPROVER)
        self.security = self._operator(Role.OPERATOR_SECURITY)
        self.auditor = self._operator(Role.OPERATOR_AUDITOR)
        self.worker = system_actor("worker", operator_tenant)

    def _operator(self, role: Role) -> Actor:
        return Actor(str(new_id()), ActorKind.PERSON, self.operator_tenant, frozenset({role}))

    def municipal(self, tenant_id: UUID, *roles: Role) -> Actor:
        """A person of one tenant with these roles; a plain member without any."""
        return Actor(str(new_id()), ActorKind.PERSON, tenant_id, frozenset(roles or {Role.TENANT_MEMBER}))
