"""Makes what a test needs, one thing a call, by the command that a person would use, with defaults for the rest.

A suite composes its own scene of these: thirteen members who share a cost, an applicant ready to come in. The figures
are those of the census of 2020-10-01 for the municipalities of the published-rule example S13; which of them take
part is arbitrary.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

from admin.identity.token_sessions import remember
from billing.costs.commands import DefineCostPool, RecordCost, define_cost_pool, record_cost
from billing.costs.states import ItemKind
from billing.notices import commands as notice_commands
from billing.notices.commands import IssueNotices, NoticesIssued
from billing.notices.issuer import IssuerSet, SetIssuer, issuer_in_force, set_issuer
from billing.notices.states import AddresseeForm, SealForm
from billing.notices.tables import NoticeIssuer
from billing.runs.commands import (
    AllocationPrepared,
    ApproveAllocation,
    PrepareAllocation,
    approve_allocation,
    prepare_allocation,
)
from billing.runs.preview import Preview, preview
from billing.runs.states import RunKind
from governance import grants
from governance.actors import Actor, ActorKind, system_actor
from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
from governance.agreements.queries import versions_in_force
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import OPERATOR_ROLES, Role
from governance.rules.commands import AdoptRule, DraftRule, RuleAdopted, adopt_rule, draft_rule
from tenancy import directory
from tenancy.announcements.commands import PublishAnnouncement, publish_announcement
from tenancy.applications.commands import (
    AttachToApplication,
    BeginApplication,
    SaveApplication,
    SubmitApplication,
    attach_to_application,
    begin_application,
    save_application,
    submit_application,
)
from tenancy.applications.queries import application
from tenancy.applications.screening import (
    ApplicationConcluded,
    ConcludeApplication,
    ScreenApplication,
    conclude_application,
    screen_application,
)
from tenancy.applications.states import ApplicantKind, Attestation, Conclusion, NetworkEgress, ServiceWanted
from tenancy.clients.commands import ClientRegistered, RegisterClient, register_client
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import Realm, organization_alias
from tenancy.onboarding.commands import StartOnboarding, start_onboarding
from tenancy.people.commands import AddMember, MemberAdded, add_member
from tenancy.people.states import MemberState
from tenancy.people.tables import Member
from tenancy.quotas.commands import (
    AssignPlan,
    DefinePlan,
    RequestQuota,
    assign_plan,
    define_plan,
    request_quota,
)
from tenancy.tenants.commands import (
    ChangeTenantState,
    DefineCohort,
    RegisterTenant,
    StatisticInput,
    change_tenant_state,
    define_cohort,
    register_tenant,
)
from tenancy.tenants.departures import AnnounceDeparture, announce_departure
from tenancy.tenants.states import StatisticKind, TenantKind, TenantState
from tenancy.tenants.tables import Tenant
from tests.actors import Actors
from tests.second_person import approved, directly

IN_FISCAL_YEAR_2025: Final = datetime(2025, 6, 2, 1, 0, tzinfo=UTC)
"""A Monday morning in Japan, within the fiscal year 2025."""

issue_notices = directly(notice_commands.issue_notices, NoticesIssued)


def application_content(name: str = "山鹿市", code: str | None = "432083") -> dict[str, Any]:
    """What the application of a city says, with all that is required today accepted."""
    with tenant_scope(OPERATOR):
        required = tuple(one.id for one in versions_in_force(db.session(), clock.today()))
    return {
        "kind": ApplicantKind.CITY,
        "code": code,
        "name": name,
        "kana": "ヤマガシ",
        "representative_title": "市長",
        "representative_name": "髙﨑 花子",
        "administrator_section": "企画課",
        "administrator_family_name": "髙﨑",
        "administrator_given_name": "太郎",
        "administrator_email": "takasaki@city.example.lg.jp",
        "deputy_family_name": "山田",
        "deputy_given_name": "葛󠄀子",
        "deputy_email": "yamada@city.example.lg.jp",
        "contact_section": "企画課",
        "contact_name": "髙﨑 太郎",
        "contact_email": "kikaku@city.example.lg.jp",
        "contact_phone": "0968-43-0000",
        "purpose": "避難所と公共施設のデータを公開し、ほかの市町村のものと合わせて使う。",
        "services": (ServiceWanted.API_READ, ServiceWanted.CATALOGUE),
        "planned_people": 12,
        "planned_calls": 30000,
        "egress": NetworkEgress.LGWAN,
        "egress_addresses": "203.0.113.10, 203.0.113.32/28",
        "first_day": date(2026, 4, 1),
        "terms_version_ids": required,
        "declares_no_antisocial": True,
    }


ISSUER: Final = SetIssuer(
    office="熊本県知事",
    holder="肥後　太郎",
    seal=SealForm.OMITTED,
    addressee_form=AddresseeForm.HEAD,
    document_symbol="デ戦",
    budget_title="分担金及び負担金",
    budget_chapter="負担金",
    budget_item="総務費負担金",
    budget_subitem="データ連携基盤負担金",
    payee="熊本県会計管理者",
    payable_at="熊本県の指定金融機関",
    contact_section="デジタル戦略課",
    contact_name="阿蘇　花子",
    contact_phone="096-333-0000",
    contact_email="digital@example.lg.jp",
)

ALL_BUT_APPROVER: Final = OPERATOR_ROLES - {Role.OPERATOR_APPROVER}
"""What one person of the operator may hold at most: the approver is somebody else than finance."""

CENSUS_DAY: Final = date(2020, 10, 1)
CENSUS: Final = "令和2年国勢調査"

THIRTEEN: Final = {
    "431001": ("熊本市", 738865),
    "432024": ("八代市", 123067),
    "432041": ("荒尾市", 50832),
    "432067": ("玉名市", 64292),
    "432105": ("菊池市", 46416),
    "432113": ("宇土市", 36122),
    "432130": ("宇城市", 57032),
    "432156": ("天草市", 75783),
    "432164": ("合志市", 61772),
    "434035": ("大津町", 35187),
    "434043": ("菊陽町", 43337),
    "434434": ("益城町", 32510),
    "435317": ("苓北町", 7114),
}

EIGHT: Final = {
    "432032": ("人吉市", 31108),
    "432059": ("水俣市", 23557),
    "432083": ("山鹿市", 49025),
    "432121": ("上天草市", 24563),
    "432148": ("阿蘇市", 24930),
    "433683": ("長洲町", 15372),
    "434418": ("御船町", 16303),
    "434825": ("芦北町", 15681),
}

MOST_POPULOUS: Final = (
    ("431001", ("熊本市", 738865)),
    ("432024", ("八代市", 123067)),
    ("432156", ("天草市", 75783)),
    ("432067", ("玉名市", 64292)),
    ("432164", ("合志市", 61772)),
    ("432130", ("宇城市", 57032)),
    ("432041", ("荒尾市", 50832)),
    ("432083", ("山鹿市", 49025)),
    ("432105", ("菊池市", 46416)),
    ("434043", ("菊陽町", 43337)),
    ("432113", ("宇土市", 36122)),
    ("434035", ("大津町", 35187)),
    ("434434", ("益城町", 32510)),
    ("432032", ("人吉市", 31108)),
    ("432148", ("阿蘇市", 24930)),
    ("432121", ("上天草市", 24563)),
    ("432059", ("水俣市", 23557)),
    ("434418", ("御船町", 16303)),
    ("434825", ("芦北町", 15681)),
    ("433683", ("長洲町", 15372)),
    ("435147", ("あさぎり町", 14676)),
)
"""The 21 of the example, most people first: 13 take part, then the next eight come in."""

BODY: Final[dict[str, Any]] = {
    "components": [
        {"name": "均等割", "ratio": "1/10", "basis": "equal"},
        {
            "name": "人口割",
            "ratio": "9/10",
            "basis": "statistic:population",
            "basis_date": "2020-10-01",
            "source": "国勢調査",
        },
    ],
    "operator_ratio": "1/2",
    "rounding": "floor_total__residual_to_operator",
    "unit_yen": 1,
    "deductions": ["grant"],
    "inclusion": "members_of_year",
}

STANDARD: Final[dict[str, int | None]] = {
    "api_calls": 100_000,
    "storage_gib": 50,
    "users": 3,
    "service_clients": 1,
}
"""What the plan `standard` grants."""

SINCE: Final = date(2025, 4, 1)
TO_PROVISIONING: Final = (TenantState.SCREENING, TenantState.AGREED, TenantState.PROVISIONING)
_KINDS: Final = {"市": TenantKind.CITY, "町": TenantKind.TOWN, "村": TenantKind.VILLAGE}
_numbers = count(1)


class Factory:
    """Makes things as people of the operator. `ids` are the tenants made here, by their codes."""

    def __init__(self, actors: Actors) -> None:
        self.actors = actors
        self.ids: dict[str, UUID] = {}
        self._agreement: UUID | None = None

    # -- tenants

    def register_applicant(
        self,
        code: str | None,
        name: str,
        kana: str = "ダンタイ",
        kind: TenantKind | None = None,
        *,
        since: date | None = None,
        population: int | None = None,
    ) -> UUID:
        """An applicant; of a municipality, the kind is what its name ends with. A population is of the census."""
        tenant_id = register_tenant(
            build_command(
                RegisterTenant,
                code=code,
                name=name,
                kana=kana,
                kind=kind or _KINDS[name[-1]],
                valid_from=since,
                statistics=() if population is None else (census_population(population),),
            ),
            actor=self.actors.onboarding,
        ).tenant_id
        if code is not None:
            self.ids[code] = tenant_id
        return tenant_id

    def kumamoto_city(self) -> UUID:
        """熊本市, an applicant."""
        return self.register_applicant("431001", "熊本市", "クマモトシ")

    def aso_city(self) -> UUID:
        """阿蘇市, an applicant."""
        return self.register_applicant("432148", "阿蘇市", "アソシ")

    def change_state(self, tenant: UUID | str, *states: TenantState, on: date | None = None) -> None:
        """Through these states, one after the other; the tenant by its id or its code."""
        tenant_id = self.ids[tenant] if isinstance(tenant, str) else tenant
        for state in states:
            if state is TenantState.LEAVING:
                self.announce_departure(tenant_id)
                continue
            change_tenant_state(
                ChangeTenantState(tenant_id=tenant_id, to=state, reason="審査のとおり", effective_on=on),
                actor=self.actors.onboarding,
            )

    def announce_departure(self, tenant_id: UUID) -> None:
        """The tenant leaves: today is its last day."""
        today = clock.today()
        announce_departure(
            AnnounceDeparture(tenant_id=tenant_id, notified_on=today, last_day=today, reason="議決のとおり"),
            actor=self.actors.onboarding,
        )

    def add_member(self, code: str, name: str, population: int | None = None, *, since: date = SINCE) -> UUID:
        """A municipality that takes part: bound by the agreement, active."""
        tenant_id = self.register_applicant(code, name, since=since, population=population)
        if self._agreement is None:
            self._agreement = self.publish()
        self.accept(tenant_id, self._agreement, on_behalf_of=name)
        self.change_state(tenant_id, *TO_PROVISIONING, TenantState.ACTIVE)
        return tenant_id

    def add_members(
        self, members: dict[str, tuple[str, int]], *, without_figure: Iterable[str] = (), since: date = SINCE
    ) -> None:
        """Several of them, each with its census population."""
        for code, (name, population) in members.items():
            self.add_member(code, name, None if code in without_figure else population, since=since)

    def define_cohort(self, name: str, label: str, *tenant_ids: UUID, fiscal_year: int = 2025) -> UUID:
        """Those who come in together."""
        return define_cohort(
            DefineCohort(name=name, label=label, fiscal_year=fiscal_year, tenant_ids=tenant_ids),
            actor=self.actors.onboarding,
        ).cohort_id

    def start_onboarding(self, tenant_id: UUID) -> UUID:
        """Its onboarding, queued."""
        return start_onboarding(StartOnboarding(tenant_id=tenant_id), actor=self.actors.onboarding).onboarding_id

    # -- agreements

    def publish(self, effective_from: date = SINCE, words: str = "第1条 目的") -> UUID:
        """A version of the agreement, mandatory from that day."""
        return publish_agreement(
            PublishAgreement(
                name="joint-use", title="共同利用協定", language="ja", text=words, effective_from=effective_from
            ),
            actor=self.actors.onboarding,
        ).version_id

    def accept(
        self,
        tenant_id: UUID,
        version_id: UUID,
        *,
        on_behalf_of: str = "熊本市",
        signed_on: date = date(2025, 3, 20),
    ) -> UUID:
        """The mayor accepts."""
        command = acceptance(tenant_id, version_id, on_behalf_of=on_behalf_of, signed_on=signed_on)
        return accept_agreement(command, actor=self.actors.onboarding).acceptance_id

    # -- announcements

    def announce(self, *tenant_ids: UUID, title: str = "計画停止のお知らせ", asks_confirmation: bool = False) -> UUID:
        """An announcement to these tenants, or to all, shown for a month."""
        command = PublishAnnouncement(
            title=title,
            text="夜間に停止します。",
            shown_until=clock.today() + timedelta(days=30),
            asks_confirmation=asks_confirmation,
            tenant_ids=tenant_ids,
        )
        return publish_announcement(command, actor=self.actors.onboarding).announcement_id

    def apply(self, name: str = "山鹿市", code: str = "432083") -> UUID:
        """A draft of an application that says all it must."""
        begun = begin_application(BeginApplication(name=name, email="kikaku@city.example.lg.jp"), actor=self.applicant)
        save_application(
            SaveApplication(application_id=begun.application_id, version=1, **application_content(name, code)),
            actor=self.applicant,
        )
        return begun.application_id

    def attach(self, application_id: UUID, name: str = "決裁文書.png") -> UUID:
        """A file of a draft."""
        command = AttachToApplication(application_id=application_id, name=name, content=b"\x89PNG\r\n\x1a\n")
        return attach_to_application(command, actor=self.applicant).attachment_id

    def submit_application(self, application_id: UUID) -> None:
        """Hand an application in as it is now."""
        with tenant_scope(OPERATOR):
            version = application(db.session(), application_id).version
        submit_application(SubmitApplication(application_id=application_id, version=version), actor=self.applicant)

    def approve_application(self, application_id: UUID) -> None:
        """Screen an application that was handed in, and have another person approve it."""
        screened = ScreenApplication(application_id=application_id, attestations=tuple(Attestation))
        screen_application(screened, actor=self.actors.onboarding)
        command = ConcludeApplication(application_id=application_id, outcome=Conclusion.APPROVE, letter="承認します。")
        by, actor = self.actors.approver, self.actors.onboarding
        approved(conclude_application, command, ApplicationConcluded, actor=actor, by=by)

    @property
    def applicant(self) -> Actor:
        """Whoever holds the link to an application."""
        return system_actor("applicant", self.actors.operator_tenant)

    # -- people and service clients

    def add_person(
        self, tenant_id: UUID, email: str, *roles: Role, family_name: str = "山田", given_name: str = "花子"
    ) -> MemberAdded:
        """A person who was entered and is in no Keycloak yet."""
        return directly(add_member, MemberAdded)(
            AddMember(tenant_id=tenant_id, family_name=family_name, given_name=given_name, email=email, roles=roles),
            actor=self.actors.security,
        )

    def add_service_client(self, tenant_id: UUID, name: str = "システム") -> UUID:
        """A system of the tenant's with a key of its own."""
        return directly(register_client, ClientRegistered)(
            RegisterClient(
                tenant_id=tenant_id,
                name=name,
                jwks=SigningKey.generate().public_jwks,
                scopes=("moyai:usage.read",),
            ),
            actor=self.actors.onboarding,
        ).client_id

    # -- plans and quotas

    def define_standard(self, since: date = SINCE, *, label: str = "標準", **other: int | None) -> None:
        """The plan `standard`; `other` are quotas that differ from STANDARD."""
        define_plan(
            DefinePlan(name="standard", label=label, quotas=STANDARD | other, valid_from=since),
            actor=self.actors.onboarding,
        )

    def put_on_standard(self, tenant_id: UUID, since: date | None = SINCE) -> None:
        """The tenant on that plan."""
        assign_plan(AssignPlan(tenant_id=tenant_id, plan="standard", valid_from=since), actor=self.actors.onboarding)

    def request_quota(self, tenant_id: UUID, dimension: str, value: int) -> UUID:
        """A request that waits for its decision."""
        return request_quota(
            RequestQuota(tenant_id=tenant_id, dimension=dimension, value=value, reason="利用が増えるため"),
            actor=self.actors.onboarding,
        ).request_id

    # -- costs, rules and runs

    def draft(self, body: dict[str, Any] | None = None, valid_from: date = SINCE) -> UUID:
        """Write a version of the rule down, and the pool that goes by it. Nobody has adopted it yet."""
        version = draft_rule(
            DraftRule(name="running-cost", label="運営経費負担規則", body=body or BODY, valid_from=valid_from),
            actor=self.actors.finance,
        )
        define_cost_pool(
            DefineCostPool(name="running", label="運営経費", rule="running-cost"), actor=self.actors.finance
        )
        return version.version_id

    def adopt(self, version_id: UUID, number: str = "令和7年度第1号") -> None:
        """Record the decision of the council."""
        command = AdoptRule(
            version_id=version_id, decided_by="運営協議会", decision_number=number, decided_on=date(2025, 3, 24)
        )
        approved(adopt_rule, command, RuleAdopted, actor=self.actors.finance, by=self.actors.approver)

    def record(self, yen: int, kind: ItemKind = ItemKind.COST, name: str = "データ連携基盤運用保守") -> UUID:
        """Record a cost, or a deduction, of the fiscal year 2025."""
        return record_cost(
            RecordCost(fiscal_year=2025, pool="running", kind=kind, name=name, yen=yen, source="契約書第12号"),
            actor=self.actors.finance,
        ).item_id

    def preview(self) -> Preview:
        """What the year's split would be now."""
        with tenant_scope(OPERATOR):
            return preview(db.session(), 2025, directory.members_of_year(db.session(), 2025))

    def prepare(self, kind: RunKind = RunKind.ESTIMATE) -> AllocationPrepared:
        """Ask for approval of the year's split."""
        return prepare_allocation(PrepareAllocation(fiscal_year=2025, kind=kind), actor=self.actors.finance)

    def approve(self, prepared: AllocationPrepared) -> None:
        """Approve it as another person."""
        approve_allocation(
            ApproveAllocation(run_id=prepared.run_id, digest=prepared.digest), actor=self.actors.approver
        )

    def issue_notices(self, run_id: UUID) -> dict[str, UUID]:
        """A notice for each share of an approved run, by the member's code; marked as an example."""
        self.set_issuer()
        return issue_notices(IssueNotices(run_id=run_id), actor=self.actors.finance).notices

    def set_issuer(self, issuer: SetIssuer = ISSUER) -> None:
        """Who issues the notices from here on."""
        directly(set_issuer, IssuerSet)(issuer, actor=self.actors.finance)

    def set_issuer_without_telephone(self) -> None:
        """A version as one of the time when section and telephone were one line is after the migration."""
        given = ISSUER.model_dump(mode="json") | {
            "contact_section": "デジタル戦略課 電話333-0000",
            "contact_phone": None,
        }
        with system_transaction(OPERATOR) as session:
            present = issuer_in_force(session)
            session.add(
                NoticeIssuer(
                    id=new_id(),
                    tenant_id=self.actors.operator_tenant,
                    number=1 if present is None else present.number + 1,
                    set_at=clock.now(),
                    set_by=self.actors.approver.id,
                    **given,
                )
            )


def census_population(people: int) -> StatisticInput:
    """A municipality's population of the census, as it is registered with it."""
    return StatisticInput(kind=StatisticKind.POPULATION, value=str(people), basis_date=CENSUS_DAY, source=CENSUS)


def acceptance(
    tenant_id: UUID, version_id: UUID, *, on_behalf_of: str = "熊本市", signed_on: date = date(2025, 3, 20)
) -> AcceptAgreement:
    """The command by which a mayor accepts."""
    return AcceptAgreement(
        tenant_id=tenant_id,
        version_id=version_id,
        signer_name="肥後 花子",
        signer_title="市長",
        on_behalf_of=on_behalf_of,
        authority="地方自治法第147条",
        signed_on=signed_on,
    )


class Visitors:
    """Rows as a finished onboarding leaves them, planted without its commands because these tests are not about it."""

    def municipality(self, code: str, name: str, state: TenantState = TenantState.TRIAL) -> UUID:
        """A municipality whose people may sign in."""
        tenant_id = new_id()
        with system_transaction(OPERATOR) as session:
            session.add(
                Tenant(
                    id=tenant_id,
                    code=code,
                    name=name,
                    kana="マチ",
                    kind=TenantKind.CITY.value,
                    state=state.value,
                    is_operator=False,
                    alias=organization_alias(tenant_id),
                    version=1,
                    registered_at=clock.now(),
                )
            )
        return tenant_id

    def person(self, tenant_id: UUID, *roles: Role, in_token: frozenset[Role] | None = None) -> Actor:
        """A person with these roles granted here; of a municipality always a plain member too.

        Their id is also that of their user in Keycloak and of a session there, which tokens of the tests' issuer name.

        `in_token` is what the token names, where that differs: the actor has both in common, as after a sign-in.
        """
        person_id, now = new_id(), clock.now()
        granted = frozenset(roles) | (frozenset() if set(roles) & OPERATOR_ROLES else {Role.TENANT_MEMBER})
        with system_transaction(OPERATOR) as session:
            email = f"visitor-{next(_numbers)}@example.jp"
            session.add(
                Member(
                    id=new_id(),
                    tenant_id=tenant_id,
                    person_id=person_id,
                    family_name="山田",
                    given_name="花子",
                    email=email,
                    email_key=email,
                    state=MemberState.ACTIVE.value,
                    keycloak_id=str(person_id),
                    roles_synced_at=now,
                    added_by="test",
                    added_at=now,
                )
            )
            session.flush()
            for role in granted:
                grants.grant(session, tenant_id, person_id, role, now, "test")
            realm = Realm.OPERATORS if set(roles) & OPERATOR_ROLES else Realm.TENANTS
            remember(session, tenant_id, realm, str(person_id), str(person_id), is_live=True)
        return Actor(str(person_id), ActorKind.PERSON, tenant_id, granted if in_token is None else in_token & granted)
