"""Reading tenants, their statistics, state changes, contacts and cohorts. Row-level security limits what is found."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, Select, func, literal, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from governance.audit.queries import former_texts, select_tenants_with_former
from governance.events import Event
from governance.file_imports import ImportColumn, column_facts
from governance.kernel.errors import require_found
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.labels import Label
from governance.kernel.waiting import WaitingSelect, first_tenants, waiting_columns
from tenancy.tenants.facts import fact_values, one_cohort, select_tenants
from tenancy.tenants.models import (
    CohortFacts,
    ContactRecord,
    StateChange,
    StatisticRecord,
    StatisticValue,
    TenantDetails,
    TenantFacts,
    TenantListItem,
)
from tenancy.tenants.municipality_columns import COLUMNS
from tenancy.tenants.states import ContactPurpose, FewestOwners, StatisticKind, TenantKind, TenantState
from tenancy.tenants.statistic_values import statistic_fraction
from tenancy.tenants.tables import Cohort, Contact, Statistic, Tenant, TenantStateChange

LIST_ORDERS: Final[dict[str, InstrumentedAttribute[Any]]] = {
    "code": Tenant.code,
    "name": Tenant.kana,
    "kind": Tenant.kind,
    "state": Tenant.state,
    "valid_from": Tenant.valid_from,
}
"""What the list can be ordered by; the code decides between equals."""


@dataclass(frozen=True, slots=True)
class TenantFilter:
    """Which tenants a list holds; None leaves out nothing. `words` are in a code, name or kana, also a former one."""

    state: TenantState | None = None
    kind: TenantKind | None = None
    cohort: str | None = None
    words: str = ""
    includes_operator: bool = True


def tenant(session: Session, tenant_id: UUID) -> TenantDetails:
    """One tenant. Raises NotFound, also for one that row-level security hides."""
    return _details(session, select_tenants().where(Tenant.id == tenant_id), tenant_id)


def lock_tenant(session: Session, tenant_id: UUID) -> TenantDetails:
    """One tenant, its row locked (FOR UPDATE) to the end of the transaction. Raises NotFound."""
    query = select_tenants().where(Tenant.id == tenant_id).with_for_update(of=Tenant)
    return _details(session, query, tenant_id)


def lock_tenants_of_cohort(session: Session, cohort_id: UUID) -> list[TenantDetails]:
    """The tenants of the cohort by code, their rows locked in that order to the end of the transaction."""
    query = select_tenants().where(Tenant.cohort_id == cohort_id).order_by(Tenant.code).with_for_update(of=Tenant)
    return [_to_details(row, cohort) for row, cohort, _ in session.execute(query)]


def list_tenants(
    session: Session,
    wanted: TenantFilter | None = None,
    *,
    order: str = "code",
    descending: bool = False,
) -> list[TenantListItem]:
    """The tenants that the filter accepts, the operator among them, by one of LIST_ORDERS; those without it last."""
    return tenants_page(session, PageRequest(), wanted, order=order, descending=descending).items


def tenants_page(
    session: Session,
    part: PageRequest,
    wanted: TenantFilter | None = None,
    *,
    order: str = "code",
    descending: bool = False,
) -> KeysetPage[TenantListItem]:
    """A part of `list_tenants`. Raises Invalid for a key of another order."""
    query = select_tenants().where(*_matches(wanted or TenantFilter()))
    columns = [OrderBy(LIST_ORDERS[order], descending), OrderBy(Tenant.code), OrderBy(Tenant.id)]
    return fetch_page(
        session,
        query,
        columns,
        part,
        lambda row, cohort, label: TenantListItem(**fact_values(row, cohort), cohort_label=label),
    )


def count_tenants(session: Session, wanted: TenantFilter) -> int:
    """How many tenants the filter lets through."""
    return session.execute(
        select(func.count(Tenant.id)).outerjoin(Cohort, Cohort.id == Tenant.cohort_id).where(*_matches(wanted))
    ).scalar_one()


def tenants_in_prefectures(
    session: Session, prefectures: Collection[str], kinds: Collection[TenantKind]
) -> Sequence[TenantFacts]:
    """The tenants of these kinds, in whatever state, whose code begins with one of these two-digit numbers."""
    if not prefectures:
        return ()
    query = select_tenants().where(func.left(Tenant.code, 2).in_(prefectures), Tenant.kind.in_(kinds))
    return tuple(TenantFacts(**fact_values(row, cohort)) for row, cohort, _ in session.execute(query))


def names_of_tenants(session: Session, tenant_ids: Collection[UUID]) -> dict[UUID, str]:
    """The names of those of these tenants that the scope shows."""
    found = session.execute(select(Tenant.id, Tenant.name).where(Tenant.id.in_(set(tenant_ids))))
    return {row.id: row.name for row in found}


def tenants_called(session: Session, text: str, *, limit: int = 200) -> list[UUID]:
    """The tenants, the operator too, whose code, name or kana contains the text; first those that are called so."""
    wanted = TenantFilter(words=text, includes_operator=True)
    is_it = or_(Tenant.code == text, Tenant.name == text)
    query = select(Tenant.id).where(*_matches(wanted)).order_by(is_it.desc(), Tenant.code.nulls_last(), Tenant.id)
    return [*session.scalars(query.limit(limit))]


def count_by_cohort(session: Session) -> dict[UUID, dict[TenantState, int]]:
    """How many tenants of each cohort are in each state."""
    counted: dict[UUID, dict[TenantState, int]] = {}
    for cohort_id, state, number in session.execute(
        select(Tenant.cohort_id, Tenant.state, func.count())
        .where(Tenant.cohort_id.is_not(None))
        .group_by(Tenant.cohort_id, Tenant.state)
    ):
        if cohort_id is not None:
            counted.setdefault(cohort_id, {})[TenantState(state)] = number
    return counted


def count_by_state(session: Session) -> dict[TenantState, int]:
    """How many tenants are in each state, the operator not counted; states without any are left out."""
    counted = session.execute(
        select(Tenant.state, func.count()).where(~Tenant.is_operator).group_by(Tenant.state).order_by(Tenant.state)
    )
    return {TenantState(state): number for state, number in counted}


def waiting_tenants(state: TenantState, *, without_cohort: bool = False) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the tenants in this state, since the first of them came to it."""
    columns = waiting_columns(
        func.count(), since=func.min(_state_since()), tenants=first_tenants(Tenant.id, Tenant.code.nulls_last())
    )
    query = select(*columns).where(Tenant.state == state.value, ~Tenant.is_operator)
    return query.where(Tenant.cohort_id.is_(None)) if without_cohort else query


def ready_cohorts() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the cohorts with agreed tenants and none before that, one a row.

    `facts` are the cohort's name, label and fiscal year, and how many of its tenants are agreed (`tenants`).
    """
    facts = func.jsonb_build_object(
        *("name", Cohort.name, "label", Cohort.label, "fiscal_year", Cohort.fiscal_year, "tenants", func.count())
    )
    earlier = aliased(Tenant)
    is_earlier = earlier.state.in_((TenantState.APPLIED.value, TenantState.SCREENING.value))
    return (
        select(
            *waiting_columns(
                literal(1),
                facts=facts,
                since=func.max(_state_since()),
                tenants=first_tenants(Tenant.id, Tenant.code.nulls_last()),
            )
        )
        .join(Cohort, Cohort.id == Tenant.cohort_id)
        .where(
            Tenant.state == TenantState.AGREED.value,
            ~select(earlier.id).where(earlier.cohort_id == Cohort.id, is_earlier).exists(),
        )
        .group_by(Cohort.id)
    )


def _state_since() -> ColumnElement[Any]:
    """When the tenant came to its present state: its last change, or its registration where there was none."""
    changed_at = (
        select(TenantStateChange.changed_at)
        .where(TenantStateChange.tenant_id == Tenant.id)
        .order_by(TenantStateChange.id.desc())
        .limit(1)
        .correlate(Tenant)
        .scalar_subquery()
    )
    return func.coalesce(changed_at, Tenant.registered_at)


def cohorts(session: Session) -> list[CohortFacts]:
    """Every cohort, by fiscal year and name."""
    return list(
        map(CohortFacts.model_validate, session.scalars(select(Cohort).order_by(Cohort.fiscal_year, Cohort.name)))
    )


def cohort_by_id(session: Session, cohort_id: UUID) -> CohortFacts:
    """The cohort of this id. Raises NotFound."""
    return one_cohort(session, select(Cohort).where(Cohort.id == cohort_id), cohort_id)


def lock_cohort(session: Session, name: str) -> CohortFacts:
    """The cohort of this name, its row locked (FOR UPDATE) to the end of the transaction. Raises NotFound."""
    return one_cohort(session, select(Cohort).where(Cohort.name == name).with_for_update(), name)


def state_changes(session: Session, tenant_id: UUID) -> list[StateChange]:
    """How the tenant came to its state, newest first."""
    query = (
        select(TenantStateChange).where(TenantStateChange.tenant_id == tenant_id).order_by(TenantStateChange.id.desc())
    )
    return list(map(StateChange.model_validate, session.scalars(query)))


def contacts(session: Session, tenant_id: UUID) -> list[ContactRecord]:
    """Whom to ask at the tenant, by purpose."""
    query = select(Contact).where(Contact.tenant_id == tenant_id).order_by(Contact.purpose)
    return list(map(ContactRecord.model_validate, session.scalars(query)))


def contact(session: Session, tenant_id: UUID, purpose: ContactPurpose) -> ContactRecord | None:
    """Whom to ask at the tenant about the purpose, or None."""
    return next((found for found in contacts(session, tenant_id) if found.purpose is purpose), None)


def statistics(session: Session, tenant_id: UUID) -> list[StatisticRecord]:
    """Every statistic that was not superseded, by kind, the newest reference date of each kind first."""
    query = (
        select(Statistic)
        .where(Statistic.tenant_id == tenant_id, ~superseded())
        .order_by(Statistic.kind, Statistic.basis_date.desc())
    )
    return list(map(StatisticRecord.model_validate, session.scalars(query)))


def current_statistic(
    session: Session, tenant_id: UUID, kind: StatisticKind, basis_date: date
) -> StatisticRecord | None:
    """The statistic of that kind and reference date that was not superseded, or None."""
    return next(
        (found for found in statistics(session, tenant_id) if (found.kind, found.basis_date) == (kind, basis_date)),
        None,
    )


def statistic_values(
    session: Session, kind: StatisticKind, tenant_ids: Collection[UUID], on: date
) -> dict[UUID, StatisticValue]:
    """By tenant id, the newest statistic of that kind as of a date not after `on`; tenants without one are absent."""
    found = session.scalars(
        select(Statistic)
        .where(
            Statistic.kind == kind.value,
            Statistic.tenant_id.in_(tenant_ids),
            Statistic.basis_date <= on,
            ~superseded(),
        )
        .ext(distinct_on(Statistic.tenant_id))
        .order_by(Statistic.tenant_id, Statistic.basis_date.desc())
    )
    return {
        row.tenant_id: StatisticValue(
            value=statistic_fraction(row.value), basis_date=row.basis_date, source=row.source, statistic_id=row.id
        )
        for row in found
    }


def former_names(session: Session, words: str, found: Sequence[TenantListItem]) -> dict[UUID, str]:
    """The former name, code or kana by which the words find a tenant that they do not find by its present ones."""
    looked_for = words.casefold()
    by_former = [
        one.id
        for one in found
        if not any(looked_for in (text or "").casefold() for text in (one.code, one.name, one.kana))
    ]
    if not words or not by_former:
        return {}
    texts = former_texts(session, _RENAMED_BY, _NAMED_BY, _pattern(words), by_former)
    return {
        tenant_id: next(str(before[field]) for field in ("name", "code", "kana") if before.get(field))
        for tenant_id, before in texts.items()
    }


_NAMED_BY: Final = ("code", "name", "kana")
_RENAMED_BY: Final = (Event.TENANT_EDITED, Event.TENANT_RENAMED)
"""What changes a name: at once, and on a day that was planned."""


def _pattern(words: str) -> str:
    """The words anywhere in a text, for LIKE with ! as its escape."""
    return f"%{words.translate(_ESCAPE_LIKE)}%"


def _matches(wanted: TenantFilter) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.state is not None:
        conditions.append(Tenant.state == wanted.state.value)
    if wanted.kind is not None:
        conditions.append(Tenant.kind == wanted.kind.value)
    if wanted.cohort is not None:
        conditions.append(Cohort.name == wanted.cohort)
    if not wanted.includes_operator:
        conditions.append(~Tenant.is_operator)
    if wanted.words:
        looked_for = _pattern(wanted.words)
        found = [column.ilike(looked_for, escape="!") for column in (Tenant.code, Tenant.name, Tenant.kana)]
        # Names are entered in hiragana and half-width kana, too; `kana` is stored in full-width katakana.
        in_katakana = unicodedata.normalize("NFKC", looked_for).translate(_KATAKANA)
        formerly = select_tenants_with_former(_RENAMED_BY, _NAMED_BY, looked_for)
        found += [Tenant.kana.like(in_katakana, escape="!"), Tenant.id.in_(formerly)]
        conditions.append(or_(*found))
    return conditions


_KATAKANA = {hiragana: hiragana + 0x60 for hiragana in range(ord("ぁ"), ord("ゖ") + 1)}
_ESCAPE_LIKE = str.maketrans({"%": "!%", "_": "!_", "!": "!!"})


def superseded() -> Exists:
    """The SQL condition that a later row corrects the statistic."""
    successor = aliased(Statistic)
    return (
        select(successor.id)
        .where(successor.tenant_id == Statistic.tenant_id, successor.supersedes_id == Statistic.id)
        .exists()
    )


def _details(session: Session, query: Select[Tenant, str, str], tenant_id: UUID) -> TenantDetails:
    row, cohort, _ = require_found(
        session.execute(query).first(), what=Label("団体", "tenant"), given=tenant_id, field="tenant_id"
    )
    return _to_details(row, cohort)


def _to_details(row: Tenant, cohort: str | None) -> TenantDetails:
    return TenantDetails(
        **fact_values(row, cohort),
        cohort_id=row.cohort_id,
        fewest_owners=FewestOwners(row.fewest_owners),
        version=row.version,
        registered_at=row.registered_at,
    )


def import_columns() -> tuple[ImportColumn, ...]:
    """The columns that a file may have, in the order of the template."""
    return column_facts(COLUMNS)
