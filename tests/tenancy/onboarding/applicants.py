"""Municipalities ready to come in: agreed, on a plan, with an owner, people, systems and an acceptance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from uuid import UUID, uuid4

from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.clients.client_secrets import MakeClientSecret, make_client_secret
from tenancy.clients.queries import service_clients
from tenancy.onboarding.models import OnboardingView
from tenancy.onboarding.queries import onboarding
from tenancy.people.bulk_changes import ImportMembers, MembersImported, import_members
from tenancy.tenants.states import TenantKind, TenantState
from tests.actors import Actors
from tests.factories import Factory

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
    """Composes applicants in one database; the agreement and the plan are there from the first on."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors
        self.factory = Factory(actors)
        self._codes = iter(CODES)
        self.version_id = self.factory.publish(SINCE)
        self.factory.define_standard(SINCE, api_calls=1000, storage_gib=10, users=1000, service_clients=3)

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
        tenant_id = self.factory.register_applicant(code, name, "シケンシ", TenantKind.CITY, since=SINCE)
        self.factory.change_state(tenant_id, TenantState.SCREENING, TenantState.AGREED)
        return Applicant(tenant_id, code, name, f"{mark}.example")

    def on_plan(self, applicant: Applicant) -> None:
        self.factory.put_on_standard(applicant.tenant_id, SINCE)

    def with_owner(self, applicant: Applicant) -> UUID:
        return self.with_person(applicant, applicant.owner_email, Role.TENANT_OWNER)

    def with_person(self, applicant: Applicant, email: str, *roles: Role) -> UUID:
        return self.factory.add_person(applicant.tenant_id, email, *roles, family_name="試験").person_id

    def file_of_people(self, applicant: Applicant, number: int, *, key: str | None = None) -> MembersImported:
        """So many plain members, by one file."""
        return import_members(self.people_to_import(applicant, number), actor=self.actors.onboarding, key=key)

    def people_to_import(self, applicant: Applicant, number: int) -> ImportMembers:
        """That file, for whoever imports it."""
        lines = ["姓,名,メールアドレス", *(f"試験,花子{one},file{one}@{applicant.domain}" for one in range(number))]
        return ImportMembers(
            tenant_id=applicant.tenant_id, content="\n".join(lines).encode("cp932"), reason="4月1日の人事異動"
        )

    def with_system(self, applicant: Applicant, name: str = "システム") -> UUID:
        return self.factory.add_service_client(applicant.tenant_id, name)

    def with_secret(self, applicant: Applicant) -> None:
        """A secret of its first system, which is there already. The test sets the key that secrets are made of."""
        with tenant_scope(OPERATOR):
            client = service_clients(db.session(), applicant.tenant_id)[0]
        last = clock.today() + timedelta(days=30)
        command = build_command(MakeClientSecret, tenant_id=applicant.tenant_id, client_id=client.id, valid_until=last)
        make_client_secret(command, actor=self.actors.municipal(applicant.tenant_id, Role.TENANT_CLIENT_ADMIN))

    def accept_agreement_for(self, applicant: Applicant) -> None:
        self.factory.accept(applicant.tenant_id, self.version_id, on_behalf_of=applicant.name, signed_on=SINCE)

    def start(self, applicant: Applicant) -> UUID:
        return self.factory.start_onboarding(applicant.tenant_id)


def look_at(onboarding_id: UUID) -> OnboardingView:
    """The onboarding as it stands."""
    with tenant_scope(OPERATOR):
        return onboarding(db.session(), onboarding_id)
