"""The commands of tenants: register, import, edit, change state; those of cohorts, contacts and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.file_imports import BASE64, ImportRefused
from governance.kernel.codes import LocalGovernmentCode as GovernmentCode
from governance.kernel.errors import Conflict, Invalid, Language, Stale, message
from governance.kernel.field_types import Count, Id, JstDate, LocalGovernmentCode, LongLine, PlainLine
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.plain_text import PlainLine as BoundedLine
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.kernel.table_file import Encoding
from governance.permissions import Permission
from tenancy.keycloak.port import organization_alias
from tenancy.tenants import queries
from tenancy.tenants.cohorts import CohortDefined, CohortName, DefineCohort, define_cohort
from tenancy.tenants.contacts import (
    ContactRecorded,
    ContactRemoved,
    RecordContact,
    RemoveContact,
    record_contact,
    remove_contact,
)
from tenancy.tenants.eligibility import eligible_code
from tenancy.tenants.facts import cohort as find_cohort
from tenancy.tenants.importing import ALREADY_REGISTERED, ImportVerdict, examine
from tenancy.tenants.models import CohortFacts, ImportPreview
from tenancy.tenants.rows import tenant_row
from tenancy.tenants.state_changes import SYNC_TENANT, apply_transition
from tenancy.tenants.states import PROVISIONED_STATES, StatisticKind, TenantKind, TenantState
from tenancy.tenants.statistics import (
    RecordStatistic,
    StatisticInput,
    StatisticRecorded,
    add_statistic,
    record_statistic,
    record_statistic_value,
)
from tenancy.tenants.tables import Tenant

# All commands of the package, whichever module defines them.
__all__ = [
    "ChangeTenantState",
    "ChangeTenantStates",
    "CohortDefined",
    "ContactRecorded",
    "ContactRemoved",
    "DefineCohort",
    "EditTenant",
    "ImportTenants",
    "OperatorRegistered",
    "RecordContact",
    "RecordStatistic",
    "RegisterOperator",
    "RegisterTenant",
    "RemoveContact",
    "StatisticInput",
    "StatisticRecorded",
    "TenantEdited",
    "TenantRegistered",
    "TenantStateChanged",
    "TenantStatesChanged",
    "TenantsImported",
    "change_tenant_state",
    "change_tenant_states",
    "define_cohort",
    "edit_tenant",
    "examine_import",
    "import_tenants",
    "preview_import",
    "record_contact",
    "record_statistic",
    "register_operator",
    "register_tenant",
    "remove_contact",
]

LEAVES_BY_NOTICE = message(
    "tenant.leaves_by_notice",
    ja="最終日のない脱退手続は始められません。",
    en="A tenant does not begin to leave without a last day.",
    hint_ja="脱退の届出を、最終日とともに登録してください。",
    hint_en="Record its notice that it leaves, with the last day.",
)
OPERATOR_EXISTS = message(
    "operator.exists",
    ja="運営者はすでに登録されています。運営者は 1 団体だけです。",
    en="The operator is already registered; there can be only one.",
)
NAME_TAKEN = message(
    "tenant.name_taken",
    ja="団体コードのない「{given}」は、すでに登録されています。",
    en="{given}, without a code, is already registered.",
)
TENANT_STALE = message(
    "tenant.stale",
    ja="表示のあとに、この団体の内容が変更されました（表示 {given} 版、現在 {current} 版）。",
    en="This tenant has changed since you opened it (then {given}, now {current}).",
    hint_ja="現在の内容を確かめて、もう一度送信してください。",
    hint_en="Check what it is now, then submit your change again.",
)
ONE_REFUSED = message(
    "tenant.one_refused",
    ja="{name}を変更できないため、どの団体も変更していません。{problem}",
    en="{name} cannot be changed, so none was. {problem}",
    hint_ja="その団体を外すか、先に直してから、もう一度実行してください。",
    hint_en="Leave it out, or put it right first, then try again.",
)
NOT_FOR_MANY = message(
    "tenant.not_for_many",
    ja="まとめて「{given}」にすることはできません。まとめて変更できるのは {possible} です。",
    en="Several tenants at once cannot become {given}, only {possible}.",
    hint_ja="団体ごとに変更してください。",
    hint_en="Change them one by one.",
)
MEMBERSHIP_BEGAN = message(
    "tenant.membership_began",
    ja="参加開始日（{given}）は、参加手続が始まったあとは変更できません。",
    en="The first day of membership ({given}) cannot be changed once onboarding has started.",
)

BULK_STATES: Final = (TenantState.APPLIED, TenantState.SCREENING, TenantState.AGREED)
"""States that several tenants may come to at once: those before membership."""
_BEFORE_MEMBERSHIP: Final = frozenset(state.value for state in BULK_STATES)

EDITABLE: Final = ("code", "name", "kana", "name_en", "valid_from")
"""The fields of a tenant that EditTenant replaces. State and cohort have commands of their own."""

TENANT_LIST_LOCK: Final = "tenants"
"""Advisory lock for adding a tenant: there is no row yet to lock for the code about to be taken."""


def cohort_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The cohorts there are, by name."""
    return [(one.name, one.label) for one in queries.cohorts(session)]


Name = Annotated[PlainLine, Input("名称", "Name")]
Kana = Annotated[PlainLine, Input("フリガナ", "Kana", Label("全角カタカナ", "full-width katakana"))]
CODE_INPUT = Input("団体コード", "Code", Label("検査数字を含む 6 桁。なければ空", "six digits with the check digit"))
_FIRST_DAY = Input("参加開始日（予定）", "Planned first day", former=("from",))
NAME_EN_INPUT = Input("英語の名称", "English name")


class RegisterOperator(Command):
    """The prefecture that runs the platform. Its `tenant_id` is also that of the actor who registers it."""

    tenant_id: UUID = Field(default_factory=new_id)
    code: Annotated[LocalGovernmentCode, Input("団体コード", "Code")]
    name: Name
    kana: Kana
    name_en: Annotated[PlainLine | None, NAME_EN_INPUT] = None


class OperatorRegistered(Result):
    tenant_id: UUID


class RegisterTenant(Command):
    """An organization that applies. `valid_from` is the planned first day of its membership."""

    code: Annotated[LocalGovernmentCode | None, CODE_INPUT]
    name: Name
    kana: Kana
    kind: Annotated[TenantKind, Input("種別", "Kind", start=lambda: TenantKind.TOWN)]
    name_en: Annotated[PlainLine | None, NAME_EN_INPUT] = None
    valid_from: Annotated[JstDate | None, _FIRST_DAY] = None
    cohort: Annotated[CohortName | None, Input("参加期", "Cohort", choices=cohort_choices)] = None
    statistics: tuple[StatisticInput, ...] = ()


class TenantRegistered(Result):
    tenant_id: UUID


class ImportTenants(Command):
    """A file of municipalities, CSV or Excel. `basis_dates` gives the reference date of each column of statistics,
    `source` where they are published and `valid_from` the planned first day, for rows whose own columns do not say it.
    Without `encoding` a CSV is read as UTF-8 if it is valid UTF-8, else as CP932.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    content: Annotated[bytes, Field(json_schema_extra={"format": "byte", "pattern": BASE64})]
    basis_dates: dict[StatisticKind, JstDate] = Field(default_factory=dict)
    source: Annotated[BoundedLine | None, Input("統計値の出典", "Source of the statistics")] = None
    encoding: Annotated[Encoding | None, Input("文字コード", "Encoding")] = None
    valid_from: Annotated[JstDate | None, _FIRST_DAY] = None
    cohort: Annotated[CohortName | None, Input("参加期", "Cohort", choices=cohort_choices)] = None


class TenantsImported(Result):
    """The ids of the new tenants in the order of the file, and the file's SHA-256 in hex."""

    sha256: str
    tenant_ids: tuple[UUID, ...]


class EditTenant(Command):
    """All editable fields with their new values; `version` is the tenant's when it was read."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    version: Annotated[Count, Input("版", "Version")]
    code: Annotated[LocalGovernmentCode | None, CODE_INPUT]
    name: Name
    kana: Kana
    name_en: Annotated[PlainLine | None, NAME_EN_INPUT]
    valid_from: Annotated[JstDate | None, _FIRST_DAY]


class TenantEdited(Result):
    version: int


class ChangeTenantState(Command):
    """A change to another state. Without `effective_on` it takes effect today (JST)."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    to: Annotated[
        TenantState,
        Input("新しい状態", "New state", none=Label("これ以上の変更はできません。", "No further change is possible.")),
    ]
    reason: Annotated[LongLine, Input("理由", "Reason")]
    effective_on: Annotated[
        JstDate | None, Input("適用日", "Effective on", empty=Label("今日", "today"), former=("on",))
    ] = None


class TenantStateChanged(Result):
    state: TenantState
    version: int


class ChangeTenantStates(Command):
    """Several tenants to come to one state before membership. Without `effective_on` it takes effect today (JST)."""

    tenant_ids: Annotated[
        tuple[Id, ...],
        Field(min_length=1, max_length=2000),
        SORTED_UNIQUE,
        Input("団体", "Tenants", option="tenant", none=Label("団体がありません。", "There is no tenant.")),
    ]
    to: Annotated[TenantState, Input("新しい状態", "New state")]
    reason: Annotated[LongLine, Input("理由", "Reason")]
    effective_on: Annotated[JstDate | None, Input("適用日", "Effective on", empty=Label("今日", "today"))] = None

    @check("to")
    @staticmethod
    def state_before_membership(to: TenantState) -> None:
        """What ends a membership or begins one is done tenant by tenant."""
        if to not in BULK_STATES:
            raise Invalid(NOT_FOR_MANY, field="to", given=to, possible=BULK_STATES)


class TenantStatesChanged(Result):
    """The state, and how many tenants came to it."""

    state: TenantState
    changed: int


@handles(Permission.OPERATOR_REGISTER, Event.OPERATOR_REGISTERED)
def register_operator(ctx: CommandContext, command: RegisterOperator) -> OperatorRegistered:
    """Register the prefecture as the operator, before any other tenant.

    Raises Invalid for a code that is not a prefecture's, Conflict when there is an operator already.
    """
    code = eligible_code(
        command.code, TenantKind.PREFECTURE, operator_prefecture=GovernmentCode.parse(command.code).prefecture
    )
    advisory_lock(ctx.session, TENANT_LIST_LOCK)
    if ctx.session.scalars(select(Tenant).where(Tenant.is_operator)).first() is not None:
        raise Conflict(OPERATOR_EXISTS)
    ctx.session.add(
        Tenant(
            id=command.tenant_id,
            code=str(code),
            name=command.name,
            kana=command.kana,
            name_en=command.name_en,
            kind=TenantKind.PREFECTURE.value,
            state=TenantState.ACTIVE.value,
            is_operator=True,
            alias=organization_alias(command.tenant_id),
            version=1,
            registered_at=ctx.now,
        )
    )
    ctx.session.flush()
    ctx.audit(subject=command.tenant_id, tenant_id=command.tenant_id, code=command.code)
    return OperatorRegistered(tenant_id=command.tenant_id)


@handles(Permission.TENANT_REGISTER, Event.TENANT_REGISTERED)
def register_tenant(ctx: CommandContext, command: RegisterTenant) -> TenantRegistered:
    """Register an organization as an applicant, with its statistics.

    Raises Invalid for a code that does not fit it (`eligibility`), Conflict when it is already registered, NotFound
    for an unknown cohort.
    """
    advisory_lock(ctx.session, TENANT_LIST_LOCK)
    code = eligible_code(command.code, command.kind, operator_prefecture=_operator_prefecture(ctx.session))
    _reject_duplicate(ctx.session, None if code is None else code.digits, command.name)
    tenant = _applicant(
        ctx,
        code=command.code,
        name=command.name,
        kana=command.kana,
        name_en=command.name_en,
        kind=command.kind,
        valid_from=command.valid_from,
        cohort=None if command.cohort is None else find_cohort(ctx.session, command.cohort),
    )
    for statistic in command.statistics:
        record_statistic_value(ctx, tenant.id, statistic)
    return TenantRegistered(tenant_id=tenant.id)


def preview_import(session: Session, command: ImportTenants, *, today: date) -> ImportPreview:
    """What importing the file would do on that day, row by row; changes nothing.

    Raises Invalid for a file that cannot be read at all.
    """
    return examine_import(session, command, today=today).preview


def examine_import(session: Session, command: ImportTenants, *, today: date) -> ImportVerdict:
    """As `preview_import`, with what was read."""
    return examine(
        session,
        command.content,
        encoding=command.encoding,
        basis_dates=command.basis_dates,
        source=command.source,
        operator_prefecture=_operator_prefecture(session),
        today=today,
    )


@handles(Permission.TENANT_IMPORT, Event.TENANTS_IMPORTED)
def import_tenants(ctx: CommandContext, command: ImportTenants) -> TenantsImported:
    """Register every municipality of the file, or none. Raises ImportRefused with a verdict for each row."""
    advisory_lock(ctx.session, TENANT_LIST_LOCK)
    cohort = None if command.cohort is None else find_cohort(ctx.session, command.cohort)
    verdict = examine_import(ctx.session, command, today=ctx.today)
    if verdict.refusals:
        raise ImportRefused(verdict.preview, verdict.refusals)
    tenant_ids = []
    for row in (checked.row for checked in verdict.rows if checked.row is not None):
        tenant = _applicant(
            ctx,
            code=row.code or None,
            name=row.name,
            kana=row.kana,
            name_en=row.name_en,
            kind=row.kind,
            valid_from=row.valid_from or command.valid_from,
            cohort=cohort,
        )
        for kind, value in row.statistics:
            source = row.sources.get(kind) or row.source or command.source or ""
            day = row.basis_dates.get(kind) or command.basis_dates[kind]
            add_statistic(ctx, tenant.id, kind, value, day, source)
        tenant_ids.append(tenant.id)
    ctx.session.flush()
    ctx.audit(subject=verdict.sha256, file_sha256=verdict.sha256, encoding=verdict.encoding, rows=len(tenant_ids))
    return TenantsImported(sha256=verdict.sha256, tenant_ids=tuple(tenant_ids))


@handles(Permission.TENANT_EDIT, Event.TENANT_EDITED, edits="tenant {tenant_id}")
def edit_tenant(ctx: CommandContext, command: EditTenant) -> TenantEdited:
    """Replace the tenant's editable fields. Raises NotFound, and Stale when its version is not the one given.

    The code may change, as in a merger (地方自治法7条); the rules for it are those of registering. The planned first
    day may be edited until onboarding begins; later that raises Conflict.
    """
    advisory_lock(ctx.session, TENANT_LIST_LOCK)
    tenant = tenant_row(ctx.session, command.tenant_id)
    if tenant.version != command.version:
        raise Stale(TENANT_STALE, field="version", given=command.version, current=tenant.version)
    require_free_name(ctx.session, tenant, command.code, command.name)
    if command.valid_from != tenant.valid_from and tenant.state not in _BEFORE_MEMBERSHIP:
        raise Conflict(MEMBERSHIP_BEGAN, field="valid_from", given=str(tenant.valid_from))
    changed = replace_fields(ctx, tenant, {field: getattr(command, field) for field in EDITABLE})
    if not changed.after:
        ctx.mark_noop()
        return TenantEdited(version=tenant.version)
    ctx.audit(subject=tenant.id, tenant_id=tenant.id, before=changed.before, after=changed.after)
    return TenantEdited(version=tenant.version)


@dataclass(frozen=True, slots=True)
class ReplacedFields:
    """The fields of a tenant that were replaced, as the audit log keeps them: their values before and after."""

    before: dict[str, str | None]
    after: dict[str, str | None]


def replace_fields(ctx: CommandContext, tenant: Tenant, wanted: Mapping[str, object]) -> ReplacedFields:
    """Write those of these fields that differ. A name or code that Keycloak has of the tenant follows by a job."""
    changed = {field: value for field, value in wanted.items() if getattr(tenant, field) != value}
    replaced = ReplacedFields(
        {field: _audit_value(getattr(tenant, field)) for field in changed},
        {field: _audit_value(value) for field, value in changed.items()},
    )
    if not changed:
        return replaced
    for field, value in changed.items():
        setattr(tenant, field, value)
    tenant.version += 1
    if changed.keys() & {"name", "code"} and tenant.state in PROVISIONED_STATES and not tenant.is_operator:
        ctx.enqueue(SYNC_TENANT, {"tenant_id": str(tenant.id)}, tenant_id=tenant.id)
    return replaced


def require_free_name(session: Session, tenant: Tenant, code: str | None, name: str) -> None:
    """Raises Invalid for a code that the tenant's kind cannot have, Conflict for a code or a name that is another's."""
    if code == tenant.code and (code is not None or name == tenant.name):
        return
    wanted = eligible_code(code, TenantKind(tenant.kind), operator_prefecture=_operator_prefecture(session))
    _reject_duplicate(session, None if wanted is None else wanted.digits, name)


@handles(Permission.TENANT_CHANGE_STATE, Event.TENANT_STATE_CHANGED, edits="tenant {tenant_id}")
def change_tenant_state(ctx: CommandContext, command: ChangeTenantState) -> TenantStateChanged:
    """Change the tenant's state. Raises NotFound, and Conflict for a change that `TRANSITIONS` or its guards refuse.

    A tenant leaves by its notice (`tenancy.tenants.departures`), which says its last day; here it is refused.
    """
    if command.to is TenantState.LEAVING:
        raise Conflict(LEAVES_BY_NOTICE, field="to")
    version = apply_transition(
        ctx, command.tenant_id, command.to, reason=command.reason, effective_on=command.effective_on or ctx.today
    )
    return TenantStateChanged(state=command.to, version=version)


@handles(Permission.TENANT_CHANGE_STATE, Event.TENANT_STATE_CHANGED)
def change_tenant_states(ctx: CommandContext, command: ChangeTenantStates) -> TenantStatesChanged:
    """Change the state of several tenants, or of none. Raises NotFound, and Conflict naming the first refused one."""
    effective_on = command.effective_on or ctx.today
    for tenant_id in command.tenant_ids:
        try:
            apply_transition(ctx, tenant_id, command.to, reason=command.reason, effective_on=effective_on)
        except Conflict as refused:
            name = queries.tenant(ctx.session, tenant_id).name
            problem = Label(refused.text("ja"), refused.text("en"))
            raise Conflict(ONE_REFUSED, field="tenant_ids", name=name, problem=problem) from refused
    return TenantStatesChanged(state=command.to, changed=len(command.tenant_ids))


def _applicant(
    ctx: CommandContext,
    *,
    code: str | None,
    name: str,
    kana: str,
    name_en: str | None,
    kind: TenantKind,
    valid_from: date | None,
    cohort: CohortFacts | None,
) -> Tenant:
    tenant_id = new_id()
    tenant = Tenant(
        id=tenant_id,
        code=code,
        name=name,
        kana=kana,
        name_en=name_en,
        kind=kind.value,
        state=TenantState.APPLIED.value,
        is_operator=False,
        alias=organization_alias(tenant_id),
        cohort_id=None if cohort is None else cohort.id,
        valid_from=valid_from or (None if cohort is None else FiscalYear(cohort.fiscal_year).starts_on),
        version=1,
        registered_at=ctx.now,
    )
    ctx.session.add(tenant)
    ctx.session.flush()
    ctx.audit(
        subject=tenant_id, tenant_id=tenant_id, event=Event.TENANT_REGISTERED, code=code, name=name, kind=kind.value
    )
    return tenant


def _operator_prefecture(session: Session) -> str:
    """The operator's prefecture, two digits: eligible unless MOYAI_PREFECTURES names others."""
    return GovernmentCode.parse(session.scalars(select(Tenant.code).where(Tenant.is_operator)).one() or "").prefecture


def _reject_duplicate(session: Session, code: str | None, name: str) -> None:
    if code is not None:
        known = session.scalars(select(Tenant).where(Tenant.code == code)).first()
        if known is not None:
            state = TenantState(known.state)
            raise Conflict(ALREADY_REGISTERED, field="code", given=code, name=known.name, state=state)
    elif session.scalars(select(Tenant).where(Tenant.code.is_(None), Tenant.name == name)).first() is not None:
        raise Conflict(NAME_TAKEN, field="name", given=name)


def _audit_value(value: object) -> str | None:
    return None if value is None else str(value)
