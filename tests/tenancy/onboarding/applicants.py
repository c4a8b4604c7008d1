"""Municipalities ready to come in: agreed, on a plan, with an owner, people, systems and an acceptance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import count
from uuid import UUID, uuid4

from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.clients.commands import RegisterClient, register_client
from tenancy.keycloak.keys import SigningKey
from tenancy.onboarding.commands import StartOnboarding, start_onboarding
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.queries import onboarding
from tenancy.people.commands import AddMember, add_member
from tenancy.quotas.commands import AssignPlan, DefinePlan, assign_plan, define_plan
from tenancy.tenants.commands import ChangeTenantState, RegisterTenant, change_tenant_state, register_tenant
from tenancy.tenants.states import TenantKind, TenantState
from tests.actors import Actors

CODES = ("431001", "432024", "432032", "432041", "432059", "432067", "432083", "432105", "432113", "432121")
SINCE = date(2024, 4, 1)

_names = count(1)


@dataclass(frozen=True)
class Applicant:
    """A municipality nobody has seen yet; its name is unlike any other's, also in a Keycloak that many tests share."""

    tenant_id: UUID
    code: str
    name: str
    domain: str

    @property
    def owner_email(self) -> str:
        return f"owner@{self.domain}"


class Applicants:
    """Makes applicants in one database; the agreement and the plan are there from the first on."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors
        self._codes = iter(CODES)
        self.version_id = publish_agreement(
            PublishAgreement(
                name="joint-use", title="共同利用協定", language="ja", text="第1条 目的", effective_from=SINCE
            ),
            actor=actors.onboarding,
        ).version_id
        quotas: dict[str, int | None] = {"api_calls": 1000, "storage_gib": 10, "users": 60, "service_clients": 3}
        define_plan(DefinePlan(name="standard", label="標準", quotas=quotas, valid_from=SINCE), actor=actors.onboarding)

    def ready(self, *, people: int = 0, systems: int = 1) -> Applicant:
        """One for whom everything is entered."""
        applicant = self.agreed()
        self.on_plan(applicant)
        self.with_owner(applicant)
        for number in range(people):
            self.with_person(applicant, f"person{number}@{applicant.domain}")
        for number in range(systems):
            self.with_system(applicant, f"システム{number}")
        self.accept_agreement_for(applicant)
        return applicant

    def agreed(self) -> Applicant:
        """One of whom nothing is entered but itself."""
        code, mark = next(self._codes), uuid4().hex[:8]
        name = f"試験市{next(_names)}-{mark}"
        tenant_id = register_tenant(
            RegisterTenant(code=code, name=name, kana="シケンシ", kind=TenantKind.CITY, valid_from=SINCE),
            actor=self.actors.onboarding,
        ).tenant_id
        for to in (TenantState.SCREENING, TenantState.AGREED):
            change_tenant_state(
                ChangeTenantState(tenant_id=tenant_id, to=to, reason="試験"), actor=self.actors.onboarding
            )
        return Applicant(tenant_id, code, name, f"{mark}.example")

    def on_plan(self, applicant: Applicant) -> None:
        assign_plan(
            AssignPlan(tenant_id=applicant.tenant_id, plan="standard", valid_from=SINCE),
            actor=self.actors.onboarding,
        )

    def with_owner(self, applicant: Applicant) -> UUID:
        return self.with_person(applicant, applicant.owner_email, Role.TENANT_OWNER)

    def with_person(self, applicant: Applicant, email: str, *roles: Role) -> UUID:
        return add_member(
            AddMember(tenant_id=applicant.tenant_id, family_name="試験", given_name="花子", email=email, roles=roles),
            actor=self.actors.security,
        ).person_id

    def with_system(self, applicant: Applicant, name: str = "システム") -> UUID:
        return register_client(
            RegisterClient(
                tenant_id=applicant.tenant_id,
                name=name,
                jwks=SigningKey.generate().public_jwks,
                scopes=("moyai:usage.read",),
            ),
            actor=self.actors.onboarding,
        ).client_id

    def accept_agreement_for(self, applicant: Applicant) -> None:
        accept_agreement(
            AcceptAgreement(
                tenant_id=applicant.tenant_id,
                version_id=self.version_id,
                signer_name="試験 太郎",
                signer_title="市長",
                on_behalf_of=applicant.name,
                authority="市長",
                signed_on=SINCE,
            ),
            actor=self.actors.onboarding,
        )

    def start(self, applicant: Applicant) -> UUID:
        return start_onboarding(
            StartOnboarding(tenant_id=applicant.tenant_id), actor=self.actors.onboarding
        ).onboarding_id


def look_at(onboarding_id: UUID) -> OnboardingView:
    """The onboarding as it stands."""
    with tenant_scope(OPERATOR):
        return onboarding(db.session(), onboarding_id)
