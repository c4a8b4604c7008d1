"""What the example wants, entered through the same commands as anybody's: operator, agreement, plan, tenants, costs.

Safe to repeat: each piece is looked for by its natural key first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from admin.example.municipalities import BASIS_DATES, Municipality, as_csv
from billing.costs.commands import DefineCostPool, RecordCost, define_cost_pool, record_cost
from billing.costs.queries import cost_items
from billing.notices.issuer import SetIssuer, issuer_in_force, set_issuer
from billing.notices.states import AddresseeForm, SealForm
from governance.actors import Actor, command_line_actor, system_actor
from governance.agreements.commands import AcceptAgreement, PublishAgreement, accept_agreement, publish_agreement
from governance.agreements.queries import acceptances
from governance.approvals.commands import DecideApproval, decide_approval
from governance.approvals.states import Decision
from governance.commands import ApprovalRequested, system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.private_files import write_private
from governance.permissions import Role
from governance.rules.commands import AdoptRule, DraftRule, adopt_rule, draft_rule
from governance.rules.queries import rule_versions
from tenancy.applications.commands import (
    BeginApplication,
    SaveApplication,
    SubmitApplication,
    begin_application,
    save_application,
    submit_application,
)
from tenancy.applications.queries import application, applications
from tenancy.applications.screening import ScreenApplication, screen_application
from tenancy.applications.states import (
    ApplicantKind,
    ApplicationState,
    Attestation,
    NetworkEgress,
    ServiceWanted,
)
from tenancy.clients.commands import RegisterClient, register_client
from tenancy.clients.queries import service_clients
from tenancy.keycloak.keys import SigningKey
from tenancy.people.commands import AddMember, add_member
from tenancy.people.queries import members
from tenancy.quotas.commands import AssignPlan, DefinePlan, assign_plan, define_plan
from tenancy.quotas.queries import plan_in_force
from tenancy.tenants.cohorts import DefineCohort, define_cohort
from tenancy.tenants.commands import (
    ChangeTenantState,
    ImportTenants,
    RegisterOperator,
    change_tenant_state,
    import_tenants,
    register_operator,
)
from tenancy.tenants.models import TenantFacts
from tenancy.tenants.queries import cohorts, list_tenants
from tenancy.tenants.states import TenantState

COST_YEN: Final = 24_000_000

OPERATOR_CODE: Final = "430005"
OPERATOR_DOMAIN: Final = "kumamoto-pref.example"
OPERATOR_ACCOUNTS: Final = (
    (Role.OPERATOR_ONBOARDING, ("肥後", "花子")),
    (Role.OPERATOR_FINANCE, ("阿蘇", "一郎")),
    (Role.OPERATOR_APPROVER, ("天草", "恵子")),
    (Role.OPERATOR_SECURITY, ("球磨", "健")),
    (Role.OPERATOR_AUDITOR, ("菊池", "正")),
)
"""One person a role. The break-glass role is given by nobody; its person is set up by hand."""

FAMILY_NAMES: Final = ("松本", "坂本", "森", "上田", "髙木", "荒木", "古閑", "緒方", "宮﨑", "本田", "白石")
GIVEN_NAMES: Final = ("さくら", "大輔", "裕子", "誠", "真由美", "健太", "陽子")
"""Of those who look after a municipality: by its place in the list, so that the next one's is another."""

MARK: Final = "（例示データ）"


@dataclass(frozen=True, slots=True)
class ExampleYear:
    """The fiscal year that the example lives in, and what is named after it."""

    fiscal_year: FiscalYear

    @property
    def year(self) -> int:
        return self.fiscal_year.year

    @property
    def before(self) -> FiscalYear:
        """The year in which the first thirteen came in."""
        return FiscalYear(self.year - 1)

    @property
    def effective(self) -> date:
        """The first day of agreement, plan and rule."""
        return self.before.starts_on

    @property
    def first_cohort(self) -> tuple[str, str, int]:
        """Name, label and fiscal year."""
        return _cohort(self.before)

    @property
    def second_cohort(self) -> tuple[str, str, int]:
        """Name, label and fiscal year."""
        return _cohort(self.fiscal_year)


def _cohort(year: FiscalYear) -> tuple[str, str, int]:
    return f"r{year.year - 2018}", f"{year.label}参加{MARK}", year.year


def example_year() -> ExampleYear:
    """The year of the example that is there already; before there is one, the fiscal year of today."""
    with system_transaction(OPERATOR) as session:
        years = [cohort.fiscal_year for cohort in cohorts(session) if cohort.label.endswith(f"参加{MARK}")]
    return ExampleYear(FiscalYear(max(years)) if years else FiscalYear.of(clock.today()))


AGREEMENT: Final = "shared-use"
AGREEMENT_TEXT: Final = Path(__file__).with_name("agreement.ja.txt")

PLAN: Final = "standard"
QUOTAS: Final = {"api_calls": 1_000_000, "storage_gib": 100, "users": 200, "service_clients": 5}

RULE: Final = "running-cost"
RULE_BODY: Final[dict[str, Any]] = {
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
}
POOL: Final = "running"
COSTS: Final = (
    ("基盤運用保守委託料（例示）", 15_600_000),
    ("クラウド利用料（例示）", 6_000_000),
    ("通信回線料（例示）", 2_400_000),
)
"""Together 24,000,000 yen."""

WITH_MORE_PEOPLE: Final = 2
"""In so many tenants, the most populous ones, there is also somebody of finance and a plain member."""


def seed_operator() -> Actor:
    """The prefecture as the operator; answers who acts at the command line."""
    with system_transaction(OPERATOR) as session:
        found = [tenant for tenant in list_tenants(session) if tenant.is_operator]
    if found:
        return command_line_actor(found[0].id)
    operator_id = new_id()
    register_operator(
        RegisterOperator(
            tenant_id=operator_id, code=OPERATOR_CODE, name="熊本県", kana="クマモトケン", name_en="Kumamoto Prefecture"
        ),
        actor=system_actor("setup", operator_id),
    )
    return command_line_actor(operator_id)


def seed_operator_people(actor: Actor) -> None:
    """One person for each role of the operator."""
    with system_transaction(OPERATOR) as session:
        known = {member.email for member in members(session, actor.tenant_id, clock.now())}
    for role, (family_name, given_name) in OPERATOR_ACCOUNTS:
        email = f"{role.value}@{OPERATOR_DOMAIN}"
        if email not in known:
            add_member(
                AddMember(
                    tenant_id=actor.tenant_id,
                    family_name=family_name,
                    given_name=f"{given_name}（例示）",
                    email=email,
                    roles=(role,),
                ),
                actor=actor,
            )


def seed_agreement_and_plan(actor: Actor, year: ExampleYear) -> UUID:
    """The agreement's first version and the plan; answers the version."""
    published = publish_agreement(
        PublishAgreement(
            name=AGREEMENT,
            title="データ連携基盤の共同利用に関する協定（例示）",
            language="ja",
            text=AGREEMENT_TEXT.read_text(encoding="utf-8"),
            effective_from=year.effective,
        ),
        actor=actor,
    )
    define_plan(DefinePlan(name=PLAN, label="標準", quotas=dict(QUOTAS), valid_from=year.effective), actor=actor)
    return published.version_id


def seed_cohort(actor: Actor, cohort: tuple[str, str, int], municipalities: Sequence[Municipality]) -> None:
    """The cohort and its tenants, from a file as an operator would import it."""
    name, label, fiscal_year = cohort
    define_cohort(DefineCohort(name=name, label=label, fiscal_year=fiscal_year), actor=actor)
    with system_transaction(OPERATOR) as session:
        known = {tenant.code for tenant in list_tenants(session)}
    new = [one for one in municipalities if one.code not in known]
    if new:
        import_tenants(
            ImportTenants(
                content=as_csv(new),
                basis_dates=dict(BASIS_DATES),
                valid_from=FiscalYear(fiscal_year).starts_on,
                cohort=name,
            ),
            actor=actor,
        )


def seed_tenant(
    actor: Actor, tenant: TenantFacts, version_id: UUID, keys: Path, *, place: int, year: ExampleYear
) -> None:
    """Everything one tenant's onboarding needs: agreed, on a plan, an owner, a system with its key, an acceptance.

    `place` is its place in the list of municipalities. The private half of the system's key is kept in `keys`, as its
    owner would keep it.
    """
    with system_transaction(OPERATOR) as session:
        present = {member.email for member in members(session, tenant.id, clock.now())}
        has_client = bool(service_clients(session, tenant.id))
        has_plan = plan_in_force(session, tenant.id, clock.today()) is not None
        accepted = {acceptance.version_id for acceptance in acceptances(session, tenant.id)}
    state = tenant.state
    for before, to in ((TenantState.APPLIED, TenantState.SCREENING), (TenantState.SCREENING, TenantState.AGREED)):
        if state is before:
            state = change_tenant_state(
                ChangeTenantState(tenant_id=tenant.id, to=to, reason="例示データ"), actor=actor
            ).state
    if not has_plan:
        assign_plan(AssignPlan(tenant_id=tenant.id, plan=PLAN, valid_from=year.effective), actor=actor)
    people: list[tuple[str, tuple[Role, ...]]] = [("owner", (Role.TENANT_OWNER,))]
    if place < WITH_MORE_PEOPLE:
        people += [("finance", (Role.TENANT_FINANCE,)), ("member", ())]
    for number, (mailbox, roles) in enumerate(people):
        family_name, given_name = _name_of(place + number * 5)
        email = f"{mailbox}@{tenant.code}.example"
        if email not in present:
            add_member(
                AddMember(
                    tenant_id=tenant.id, family_name=family_name, given_name=given_name, email=email, roles=roles
                ),
                actor=actor,
            )
    if not has_client:
        register_client(
            RegisterClient(
                tenant_id=tenant.id,
                name="データ連携（例示）",
                jwks=_key(keys, tenant.code or str(tenant.id)).public_jwks,
                scopes=("moyai:quota.read", "moyai:usage.read"),
            ),
            actor=actor,
        )
    if version_id not in accepted:
        head = f"{tenant.name[-1]}長"
        accept_agreement(
            AcceptAgreement(
                tenant_id=tenant.id,
                version_id=version_id,
                signer_name="熊本 太郎（例示）",
                signer_title=head,
                on_behalf_of=tenant.name,
                authority=head,
                signed_on=year.effective,
            ),
            actor=actor,
        )


def _name_of(place: int) -> tuple[str, str]:
    return FAMILY_NAMES[place % len(FAMILY_NAMES)], f"{GIVEN_NAMES[place % len(GIVEN_NAMES)]}（例示）"


ISSUER: Final = SetIssuer(
    office="例示県知事",
    holder="熊本　太郎（例示）",
    seal=SealForm.OMITTED,
    addressee_form=AddresseeForm.HEAD,
    document_symbol="例示",
    budget_title="分担金及び負担金",
    budget_chapter="負担金",
    budget_item="総務費負担金",
    budget_subitem="データ連携基盤負担金",
    payee="例示県会計管理者",
    payable_at="例示県の指定金融機関、指定代理金融機関又は収納代理金融機関",
    contact_section="デジタル戦略課（例示）",
    contact_name="肥後　花子（例示）",
    contact_phone="000-000-0000",
    contact_email="digital@example.lg.jp",
)


def approve(requested: ApprovalRequested, decider: Actor) -> None:
    """Decide in favour of a request, as another person than its requester."""
    decide_approval(
        DecideApproval(approval_id=requested.approval_id, digest=requested.digest, decision=Decision.APPROVED),
        actor=decider,
    )


def seed_issuer(finance: Actor, approver: Actor) -> None:
    """Who issues the example's notices, as `finance` requests and `approver` approves it."""
    with system_transaction(OPERATOR) as session:
        is_set = issuer_in_force(session) is not None
    if not is_set:
        approve(set_issuer(ISSUER, actor=finance), approver)


def seed_costs(actor: Actor, *, finance: Actor, approver: Actor, year: ExampleYear) -> None:
    """The rule, adopted by a decision that `finance` records and `approver` approves; the pool; the year's costs."""
    with system_transaction(OPERATOR) as session:
        versions = [version for version in rule_versions(session) if version.name == RULE]
        recorded = {item.name for item in cost_items(session, year.fiscal_year, withdrawn=True)}
    if not versions:
        drafted = draft_rule(
            DraftRule(name=RULE, label="運営費の負担（例示）", body=RULE_BODY, valid_from=year.effective), actor=actor
        )
        unadopted = [drafted.version_id]
    else:
        # What a visitor drafted since is the visitor's to adopt, as what they withdrew stays withdrawn.
        unadopted = [version.id for version in versions[:1] if version.decision is None]
    for version_id in unadopted:
        requested = adopt_rule(
            AdoptRule(
                version_id=version_id,
                decided_by="データ連携基盤協議会（例示）",
                decision_number=f"{year.before.label.removesuffix('度')}第1号",
                decided_on=year.effective,
            ),
            actor=finance,
        )
        approve(requested, approver)
    define_cost_pool(DefineCostPool(name=POOL, label="運営費", rule=RULE), actor=actor)
    for name, yen in COSTS:
        if name not in recorded:
            record_cost(
                RecordCost(
                    fiscal_year=year.year,
                    pool=POOL,
                    name=name,
                    yen=yen,
                    source=f"{year.fiscal_year.label} 当初予算{MARK}",
                ),
                actor=actor,
            )


def seed_application(screener: Actor, applicant: Municipality, version_id: UUID, year: ExampleYear) -> None:
    """The application of one more municipality, handed in and screened so far that its purpose is still to be seen."""
    with system_transaction(OPERATOR) as session:
        known = next(
            (one for one in applications(session, includes_drafts=True) if one.name == applicant.name),
            None,
        )
    by_link = system_actor("applicant", screener.tenant_id)
    if known is None:
        begun = begin_application(
            BeginApplication(name=applicant.name, email=f"kikaku@{applicant.code}.example"), actor=by_link
        )
        application_id, state = begun.application_id, ApplicationState.DRAFT
    else:
        application_id, state = known.id, known.state
    if state is ApplicationState.DRAFT:
        with system_transaction(OPERATOR) as session:
            version = application(session, application_id).version
        content = _application_content(applicant, version_id, year)
        saved = save_application(
            SaveApplication(application_id=application_id, version=version, **content), actor=by_link
        )
        submit_application(SubmitApplication(application_id=application_id, version=saved.version), actor=by_link)
        state = ApplicationState.SUBMITTED
    if state is ApplicationState.SUBMITTED:
        screen_application(
            ScreenApplication(
                application_id=application_id,
                attestations=(Attestation.REPRESENTATIVE, Attestation.CONTACT),
                note="利用目的は、次の打合せで確かめる（例示）",
            ),
            actor=screener,
        )


def _application_content(applicant: Municipality, version_id: UUID, year: ExampleYear) -> dict[str, Any]:
    """What the form of an applicant says."""
    _, name, kana, name_en, kind, *_ = applicant.row
    domain = f"{applicant.code}.example"
    return {
        "kind": ApplicantKind(kind),
        "code": applicant.code,
        "name": name,
        "kana": kana,
        "name_en": name_en,
        "representative_title": f"{name[-1]}長",
        "representative_name": "熊本 太郎（例示）",
        "administrator_section": "企画課",
        "administrator_family_name": "宮﨑",
        "administrator_given_name": "葉子（例示）",
        "administrator_email": f"miyazaki@{domain}",
        "deputy_family_name": "髙木",
        "deputy_given_name": "亮（例示）",
        "deputy_email": f"takaki@{domain}",
        "contact_section": "企画課",
        "contact_name": "宮﨑 葉子（例示）",
        "contact_email": f"kikaku@{domain}",
        "contact_phone": "000-000-0000",
        "purpose": "避難所と公共施設のデータを公開し、近くの市町村のものと合わせて使う。",
        "services": (ServiceWanted.CATALOGUE, ServiceWanted.API_READ),
        "planned_people": 8,
        "planned_calls": 20_000,
        "egress": NetworkEgress.LGWAN,
        "egress_addresses": "192.0.2.32/28",
        "first_day": FiscalYear(year.year + 1).starts_on,
        "terms_version_ids": (version_id,),
        "declares_no_antisocial": True,
    }


def _key(keys: Path, name: str) -> SigningKey:
    return SigningKey(private_key(keys, name))


def private_key(keys: Path, name: str) -> str:
    """The private key of a tenant's system, in PEM; made when it is not there yet. 0600, in a folder that is 0700."""
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = keys / f"{name}.pem"
    if not path.exists():
        write_private(path, SigningKey.generate().private_pem, replace=False)
    return path.read_text()
