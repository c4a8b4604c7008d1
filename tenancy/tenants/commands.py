"""The write door of tenants: register, import, edit, move, and what is known about them."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel import clock
from governance.kernel.codes import BodyCode
from governance.kernel.errors import Conflict, Stale, reason
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, plain_line
from governance.kernel.turns import take_turn
from governance.permissions import Permission
from tenancy.keycloak.port import organization_alias
from tenancy.tenants import queries
from tenancy.tenants.admission import admitted_code
from tenancy.tenants.cohorts import CohortDefined, CohortName, DefineCohort, cohort_named, define_cohort
from tenancy.tenants.contacts import (
    ContactRecorded,
    ContactRemoved,
    RecordContact,
    RemoveContact,
    record_contact,
    remove_contact,
)
from tenancy.tenants.importing import ALREADY_REGISTERED, ImportRefused, ImportVerdict, examine
from tenancy.tenants.membership import change_state
from tenancy.tenants.municipality_file import Encoding
from tenancy.tenants.states import TenantKind, TenantState
from tenancy.tenants.statistics import (
    GivenFigure,
    RecordStatistic,
    StatisticRecorded,
    add_figure,
    record_figure,
    record_statistic,
)
from tenancy.tenants.tables import Cohort, StatisticKind, Tenant

# The room has one write door, whichever page a command is written on.
__all__ = [
    "CohortDefined",
    "ContactRecorded",
    "ContactRemoved",
    "DefineCohort",
    "EditTenant",
    "GivenFigure",
    "ImportTenants",
    "MoveTenant",
    "OperatorRegistered",
    "RecordContact",
    "RecordStatistic",
    "RegisterOperator",
    "RegisterTenant",
    "RemoveContact",
    "StatisticRecorded",
    "TenantEdited",
    "TenantMoved",
    "TenantRegistered",
    "TenantsImported",
    "define_cohort",
    "edit_tenant",
    "import_tenants",
    "move_tenant",
    "preview_import",
    "record_contact",
    "record_statistic",
    "register_operator",
    "register_tenant",
    "remove_contact",
]

OPERATOR_EXISTS = reason(
    "operator.exists",
    ja="運営者はすでに登録されています。運営者は 1 団体だけです。",
    en="The operator is registered already; there is one operator only.",
)
NAME_TAKEN = reason(
    "tenant.name_taken",
    ja="団体コードのない「{given}」は、すでに登録されています。",
    en="{given}, without a code, is registered already.",
)
TENANT_STALE = reason(
    "tenant.stale",
    ja="表示のあとに、この団体の内容が変更されました（表示 {given} 版、現在 {current} 版）。",
    en="This tenant was changed after it was shown (shown {given}, now {current}).",
    hint_ja="開き直して、もう一度変更してください。",
    hint_en="Open it again and make the change once more.",
)
MEMBERSHIP_BEGAN = reason(
    "tenant.membership_began",
    ja="参加開始日（{given}）は、参加手続きが始まったあとは変更できません。",
    en="The first day of membership ({given}) cannot be moved once onboarding has begun.",
)

_BEFORE_MEMBERSHIP: Final = frozenset(
    state.value for state in (TenantState.APPLIED, TenantState.SCREENING, TenantState.AGREED)
)

TENANTS_TURN: Final = "tenants"
"""Whoever adds a tenant takes this turn, because no row stands yet for the code about to be taken."""


class RegisterOperator(Order):
    """The prefecture that runs the platform. `tenant_id` is chosen by the caller, because it is also the actor's."""

    tenant_id: UUID
    code: str
    name: Line
    kana: Line
    name_en: Line | None = None


class OperatorRegistered(Outcome):
    tenant_id: UUID


class RegisterTenant(Order):
    """A body that applies. `valid_from` is the planned first day of its membership."""

    code: str | None
    name: Line
    kana: Line
    kind: TenantKind
    name_en: Line | None = None
    valid_from: date | None = None
    cohort: CohortName | None = None
    figures: tuple[GivenFigure, ...] = ()


class TenantRegistered(Outcome):
    tenant_id: UUID


class ImportTenants(Order):
    """A CSV of municipalities. `basis_dates` says of which day each column of figures is, `source` whence they are
    where the file itself does not say it. Without `encoding` the file is read as UTF-8, or as CP932 if it is not that.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    content: bytes
    basis_dates: dict[StatisticKind, date] = Field(default_factory=dict)
    source: Line | None = None
    encoding: Encoding | None = None
    valid_from: date | None = None
    cohort: CohortName | None = None


class TenantsImported(Outcome):
    """The tenants by code, in the order of the file, and the file's SHA-256."""

    sha256: str
    tenant_ids: tuple[UUID, ...]


class EditTenant(Order):
    """The whole of what may be edited, as it is to be; `version` is the one that was shown."""

    tenant_id: UUID
    version: int
    code: str | None
    name: Line
    kana: Line
    name_en: Line | None
    valid_from: date | None


class TenantEdited(Outcome):
    version: int


class MoveTenant(Order):
    """A move along the table of states; `effective_on` is today where nothing else is said."""

    tenant_id: UUID
    to: TenantState
    reason: Line
    effective_on: date | None = None


class TenantMoved(Outcome):
    state: TenantState
    version: int


@command(Permission.OPERATOR_REGISTER, Event.OPERATOR_REGISTERED)
def register_operator(work: Work, order: RegisterOperator) -> OperatorRegistered:
    """Register the prefecture as the operator: the first row of all. Raises Conflict when there is one."""
    code = admitted_code(order.code, TenantKind.PREFECTURE, home=BodyCode.parse(order.code).prefecture)
    take_turn(work.session, TENANTS_TURN)
    if work.session.scalars(select(Tenant).where(Tenant.is_operator)).first() is not None:
        raise Conflict(OPERATOR_EXISTS)
    work.session.add(
        Tenant(
            id=order.tenant_id,
            code=str(code),
            name=plain_line(order.name, field="name"),
            kana=plain_line(order.kana, field="kana"),
            name_en=_optional_line(order.name_en, "name_en"),
            kind=TenantKind.PREFECTURE.value,
            state=TenantState.ACTIVE.value,
            is_operator=True,
            alias=organization_alias(order.tenant_id),
            version=1,
            registered_at=work.now,
        )
    )
    work.session.flush()
    work.record(subject=order.tenant_id, tenant_id=order.tenant_id, code=order.code)
    return OperatorRegistered(tenant_id=order.tenant_id)


@command(Permission.TENANT_REGISTER, Event.TENANT_REGISTERED)
def register_tenant(work: Work, order: RegisterTenant) -> TenantRegistered:
    """Register a body as an applicant, with its figures.

    Raises Invalid for a code that is not right for it (`admission`), Conflict when it is registered already, NotFound
    for a cohort that is not there.
    """
    take_turn(work.session, TENANTS_TURN)
    code = admitted_code(order.code, order.kind, home=_home(work.session))
    _refuse_known(work.session, None if code is None else code.digits, order.name)
    tenant = _applicant(
        work,
        code=order.code,
        name=plain_line(order.name, field="name"),
        kana=plain_line(order.kana, field="kana"),
        name_en=_optional_line(order.name_en, "name_en"),
        kind=order.kind,
        valid_from=order.valid_from,
        cohort=None if order.cohort is None else cohort_named(work.session, order.cohort),
    )
    for figure in order.figures:
        record_figure(work, tenant.id, figure)
    return TenantRegistered(tenant_id=tenant.id)


def preview_import(session: Session, order: ImportTenants) -> ImportVerdict:
    """What importing the file would do now, row by row; changes nothing. Raises Invalid for the file as a whole."""
    return examine(
        session,
        order.content,
        encoding=order.encoding,
        basis_dates=order.basis_dates,
        source=order.source,
        home=_home(session),
        today=clock.today(),
    )


@command(Permission.TENANT_IMPORT, Event.TENANTS_IMPORTED)
def import_tenants(work: Work, order: ImportTenants) -> TenantsImported:
    """Register every municipality of the file, or none. Raises ImportRefused with a verdict for each row."""
    take_turn(work.session, TENANTS_TURN)
    cohort = None if order.cohort is None else cohort_named(work.session, order.cohort)
    verdict = preview_import(work.session, order)
    if verdict.refused:
        raise ImportRefused(verdict)
    tenant_ids = []
    for row in (checked.row for checked in verdict.rows if checked.row is not None):
        tenant = _applicant(
            work,
            code=row.code or None,
            name=row.name,
            kana=row.kana,
            name_en=row.name_en,
            kind=row.kind,
            valid_from=order.valid_from,
            cohort=cohort,
        )
        for kind, value in row.figures:
            source = row.source or order.source or ""
            add_figure(work, tenant.id, kind, value, order.basis_dates[kind], source)
        tenant_ids.append(tenant.id)
    work.session.flush()
    work.record(subject=verdict.sha256, file_sha256=verdict.sha256, encoding=verdict.encoding, rows=len(tenant_ids))
    return TenantsImported(sha256=verdict.sha256, tenant_ids=tuple(tenant_ids))


@command(Permission.TENANT_EDIT, Event.TENANT_EDITED)
def edit_tenant(work: Work, order: EditTenant) -> TenantEdited:
    """Bring the tenant to what is ordered. Raises NotFound, and Stale when it changed since it was shown.

    The code may change, as in a merger; its rules are those of registering. State and cohort have commands of their
    own. The planned first day may be edited until the membership has begun; afterwards it is Conflict to move it.
    """
    take_turn(work.session, TENANTS_TURN)
    tenant = queries.tenant(work.session, order.tenant_id, lock=True)
    if tenant.version != order.version:
        raise Stale(TENANT_STALE, field="version", given=order.version, current=tenant.version)
    if order.code != tenant.code or (order.code is None and order.name != tenant.name):
        code = admitted_code(order.code, TenantKind(tenant.kind), home=_home(work.session))
        _refuse_known(work.session, None if code is None else code.digits, order.name)
    if order.valid_from != tenant.valid_from and tenant.state not in _BEFORE_MEMBERSHIP:
        raise Conflict(MEMBERSHIP_BEGAN, field="valid_from", given=str(tenant.valid_from))
    wanted = {
        "code": order.code,
        "name": plain_line(order.name, field="name"),
        "kana": plain_line(order.kana, field="kana"),
        "name_en": _optional_line(order.name_en, "name_en"),
        "valid_from": order.valid_from,
    }
    changed = {field: value for field, value in wanted.items() if getattr(tenant, field) != value}
    if not changed:
        work.unchanged()
        return TenantEdited(version=tenant.version)
    before = {field: _as_fact(getattr(tenant, field)) for field in changed}
    for field, value in changed.items():
        setattr(tenant, field, value)
    tenant.version += 1
    work.record(
        subject=tenant.id,
        tenant_id=tenant.id,
        before=before,
        after={field: _as_fact(value) for field, value in changed.items()},
    )
    return TenantEdited(version=tenant.version)


@command(Permission.TENANT_MOVE, Event.TENANT_MOVED)
def move_tenant(work: Work, order: MoveTenant) -> TenantMoved:
    """Move the tenant along the table. Raises NotFound, and Conflict for a move that is not there or not due."""
    why = plain_line(order.reason, field="reason", most=1_000)
    tenant = queries.tenant(work.session, order.tenant_id, lock=True)
    change_state(work, tenant, order.to, why=why, effective_on=order.effective_on or clock.today())
    return TenantMoved(state=order.to, version=tenant.version)


def _applicant(
    work: Work,
    *,
    code: str | None,
    name: str,
    kana: str,
    name_en: str | None,
    kind: TenantKind,
    valid_from: date | None,
    cohort: Cohort | None,
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
        registered_at=work.now,
    )
    work.session.add(tenant)
    work.session.flush()
    work.record(
        subject=tenant_id, tenant_id=tenant_id, event=Event.TENANT_REGISTERED, code=code, name=name, kind=kind.value
    )
    return tenant


def _home(session: Session) -> str:
    """The operator's prefecture: whose bodies are admitted unless a setting says otherwise."""
    return BodyCode.parse(session.scalars(select(Tenant.code).where(Tenant.is_operator)).one() or "").prefecture


def _refuse_known(session: Session, code: str | None, name: str) -> None:
    if code is not None:
        known = session.scalars(select(Tenant).where(Tenant.code == code)).first()
        if known is not None:
            raise Conflict(ALREADY_REGISTERED, field="code", given=code, name=known.name, state=known.state)
    elif session.scalars(select(Tenant).where(Tenant.code.is_(None), Tenant.name == name)).first() is not None:
        raise Conflict(NAME_TAKEN, field="name", given=name)


def _optional_line(text: str | None, field: str) -> str | None:
    return None if text is None else plain_line(text, field=field)


def _as_fact(value: object) -> str | None:
    return None if value is None else str(value)
