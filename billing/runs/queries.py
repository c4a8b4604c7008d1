"""Reads of runs and shares. Under a municipality's scope they show its own posted shares, and no run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, select
from sqlalchemy.orm import Session, aliased

from billing.runs.explanation import ShareExplanation
from billing.runs.preview import InputVersions
from billing.runs.states import RunKind, RunState, run_name
from billing.runs.tables import AllocationRun, AllocationShare, AllocationWorking
from governance.kernel.errors import require_found
from governance.kernel.fiscal_year import FiscalYear
from governance.kernel.keyset import KeysetPage, OrderBy, PageRequest, fetch_page
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.kernel.waiting import WaitingSelect, waiting_columns


class WorkingFacts(ReadModel):
    """One component of a share: exact_yen = pool_yen × ratio × weight ÷ weight_total, exact numbers as text."""

    component: str
    basis: str
    figure_date: date | None
    figure_source: str | None
    pool_yen: int
    ratio: str
    weight: str
    weight_total: str
    exact_yen: str
    rule_version_id: UUID


class ShareWorkings(ReadModel):
    """The workings (算定根拠) of one share, component by component in the order of the rules."""

    items: tuple[WorkingFacts, ...]


class MemberWorkings(ReadModel):
    """The workings of one member's share of a run. `code` is the member's label in the run."""

    tenant_id: UUID
    code: str
    name: str
    workings: tuple[WorkingFacts, ...]


class ShareFacts(ReadModel):
    """What one member bears of a run, with one explanation for each rule. `code` is the member's label in the run."""

    id: UUID
    tenant_id: UUID
    run_id: UUID
    fiscal_year: int
    run_number: int
    revision: int
    kind: RunKind
    digest: str
    code: str
    name: str
    share_yen: int
    previous_yen: int
    divisions: tuple[ShareExplanation, ...]
    posted_at: datetime | None

    @property
    def run_name(self) -> Label:
        """当初, or 第1回変更 and so on."""
        return run_name(self.revision)

    @property
    def difference_yen(self) -> int:
        """What this run changed: the whole share in an estimate, negative where a revision lowered it."""
        return self.share_yen - self.previous_yen


class RunSummary(ReadModel):
    """A run without its shares. All amounts are whole yen.

    The sum of the shares, `operator_yen`, `operator_residual_yen` and `deductions_yen` is `total_yen`.
    """

    id: UUID
    fiscal_year: int
    number: int
    revision: int
    kind: RunKind
    state: RunState
    revises_id: UUID | None
    total_yen: int
    operator_yen: int
    operator_residual_yen: int
    deductions_yen: int
    digest: str
    prepared_at: datetime
    prepared_by: str
    requested_by: str
    decided_at: datetime | None
    happened_on: date | None

    @property
    def run_name(self) -> Label:
        """当初, or 第1回変更 and so on."""
        return run_name(self.revision)


class RunSplit(ReadModel):
    """What a run comes to, as `moyai allocation show` prints it; a revision shows the whole new split.

    `shares_yen` maps each member's label to its share, lower label first.
    """

    id: UUID
    number: int
    revision: int
    kind: RunKind
    state: RunState
    total_yen: int
    operator_yen: int
    operator_residual_yen: int
    deductions_yen: int
    shares_yen: dict[str, int]
    digest: str


class YearSplits(ReadModel):
    """The splits of a fiscal year, oldest first."""

    fiscal_year: int
    runs: tuple[RunSplit, ...]


class RunFacts(RunSummary):
    """A run with the share of each member, lower label first, and the versions of its inputs."""

    inputs: InputVersions
    shares: tuple[ShareFacts, ...]

    @property
    def split(self) -> RunSplit:
        """The run as one line for each member."""
        return RunSplit(
            id=self.id,
            number=self.number,
            revision=self.revision,
            kind=self.kind,
            state=self.state,
            total_yen=self.total_yen,
            operator_yen=self.operator_yen,
            operator_residual_yen=self.operator_residual_yen,
            deductions_yen=self.deductions_yen,
            shares_yen={share.code: share.share_yen for share in self.shares},
            digest=self.digest,
        )


@dataclass(frozen=True, slots=True)
class ComponentSum:
    """A component of a run: `exact_yen` is the part of the pool that is shared by its basis."""

    component: str
    basis: str
    ratio: str
    pool_yen: int
    exact_yen: Fraction


def runs(session: Session, fiscal_year: int) -> list[RunFacts]:
    """All runs of a year, oldest first, rejected ones too."""
    year = FiscalYear(fiscal_year)
    found = session.scalars(
        select(AllocationRun).where(AllocationRun.fiscal_year == year.year).order_by(AllocationRun.number)
    ).all()
    return _with_shares(session, list(found))


def run_summaries(session: Session, *, fiscal_year: int | None = None, limit: int | None = None) -> list[RunSummary]:
    """Runs without their shares, newest first; of one fiscal year or of all, at most `limit`."""
    return run_summaries_page(session, PageRequest(limit), fiscal_year=fiscal_year).items


def kind_to_prepare(session: Session, fiscal_year: int) -> RunKind:
    """The only kind of run that the year can have next: 当初 until one is posted, then 変更."""
    is_posted = any(run.state is RunState.POSTED for run in run_summaries(session, fiscal_year=fiscal_year))
    return RunKind.REVISION if is_posted else RunKind.ESTIMATE


def years_of_runs(session: Session) -> list[int]:
    """The fiscal years that any run of the scope is of."""
    return list(session.scalars(select(AllocationRun.fiscal_year).distinct()))


def run_summaries_page(
    session: Session, part: PageRequest, *, fiscal_year: int | None = None
) -> KeysetPage[RunSummary]:
    """A part of the runs without their shares, newest first; of one fiscal year or of all."""
    query = select(AllocationRun)
    if fiscal_year is not None:
        query = query.where(AllocationRun.fiscal_year == FiscalYear(fiscal_year).year)
    columns = (AllocationRun.fiscal_year, AllocationRun.number, AllocationRun.id)
    return fetch_page(
        session, query, [OrderBy(one, descending=True) for one in columns], part, RunSummary.model_validate
    )


def runs_by_rule(session: Session, version_id: UUID) -> list[RunSummary]:
    """The runs that applied this version of a rule, rejected ones too, newest first."""
    return _runs_made_of(session, {"rules": [{"version_id": str(version_id)}]})


def runs_with_item(session: Session, item_id: UUID) -> list[RunSummary]:
    """The runs that shared out this cost item, rejected ones too, newest first."""
    return _runs_made_of(session, {"rules": [{"items": [[str(item_id)]]}]})


def _runs_made_of(session: Session, inputs: dict[str, Any]) -> list[RunSummary]:
    """The runs whose `InputVersions` contain this part of their JSON form."""
    found = session.scalars(
        select(AllocationRun)
        .where(AllocationRun.inputs.contains(inputs))
        .order_by(AllocationRun.fiscal_year.desc(), AllocationRun.number.desc())
    )
    return [RunSummary.model_validate(run) for run in found]


def share_by_id(session: Session, share_id: UUID) -> ShareFacts:
    """One share, posted or of a run that waits. Raises NotFound, also for another member's."""
    found = require_found(
        session.scalars(select(AllocationShare).where(AllocationShare.id == share_id)).first(),
        what=Label("按分の負担額", "allocation share"),
        given=share_id,
        field="share_id",
    )
    return _share(found)


def select_posted_runs() -> Select[Any]:
    """A SELECT of id, fiscal_year, number, revision, decided_at and the number of shares that changed (`shares`) of
    each posted run, for a join in another package's statement.
    """
    changed = (
        select(func.count())
        .select_from(AllocationShare)
        .where(AllocationShare.run_id == AllocationRun.id)
        .correlate(AllocationRun)
        .scalar_subquery()
    )
    return select(
        AllocationRun.id,
        AllocationRun.fiscal_year,
        AllocationRun.number,
        AllocationRun.revision,
        AllocationRun.decided_at,
        changed.label("shares"),
    ).where(AllocationRun.state == RunState.POSTED.value)


def draft_runs() -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the drafts, for finance to submit. `facts` as in `returned_runs`."""
    columns = waiting_columns(literal(1), facts=_run_facts(), since=AllocationRun.prepared_at)
    return select(*columns).where(AllocationRun.state == RunState.DRAFT.value)


def returned_runs(since: datetime) -> WaitingSelect:
    """Columns of `governance.kernel.waiting`: the runs sent back after `since` that no newer one of the year replaced.

    `facts` are the run's id, fiscal year and revision (`states.run_name`).
    """
    newer = aliased(AllocationRun)
    replaced = select(newer.id).where(
        newer.fiscal_year == AllocationRun.fiscal_year, newer.number > AllocationRun.number
    )
    return select(*waiting_columns(literal(1), facts=_run_facts(), since=AllocationRun.decided_at)).where(
        AllocationRun.state == RunState.REJECTED.value, AllocationRun.decided_at >= since, ~replaced.exists()
    )


def _run_facts() -> ColumnElement[Any]:
    return func.jsonb_build_object(
        *("run", AllocationRun.id, "fiscal_year", AllocationRun.fiscal_year, "revision", AllocationRun.revision)
    )


def count_shares(session: Session, run_id: UUID) -> int:
    """How many members bear a part of the run, whole yen above zero."""
    return session.execute(
        select(func.count())
        .select_from(AllocationShare)
        .where(AllocationShare.run_id == run_id, AllocationShare.share_yen > 0)
    ).scalar_one()


def components_of_run(session: Session, run_id: UUID) -> list[ComponentSum]:
    """What each component shares out, in the order of the rules: the sum of its exact parts over all members."""
    found = session.execute(
        select(
            AllocationWorking.component,
            AllocationWorking.basis,
            AllocationWorking.ratio,
            AllocationWorking.pool_yen,
            func.min(AllocationWorking.place),
        )
        .join(
            AllocationShare,
            (AllocationWorking.tenant_id == AllocationShare.tenant_id)
            & (AllocationWorking.share_id == AllocationShare.id),
        )
        .where(AllocationShare.run_id == run_id)
        .group_by(
            AllocationWorking.rule_version_id,
            AllocationWorking.component,
            AllocationWorking.basis,
            AllocationWorking.ratio,
            AllocationWorking.pool_yen,
        )
        .order_by(func.min(AllocationWorking.place))
    )
    return [
        ComponentSum(component, basis, ratio, pool_yen, Fraction(ratio) * pool_yen)
        for component, basis, ratio, pool_yen, _ in found
    ]


def run_by_id(session: Session, run_id: UUID) -> RunFacts:
    """One run. Raises NotFound, also for whoever may not see it."""
    run = require_found(
        session.scalars(select(AllocationRun).where(AllocationRun.id == run_id)).first(),
        what=Label("按分", "allocation run"),
        given=run_id,
        field="run_id",
    )
    return _with_shares(session, [run])[0]


def shares_of_tenant(session: Session, tenant_id: UUID, fiscal_year: int | None = None) -> list[ShareFacts]:
    """A member's posted shares, newest first, of one year or of all."""
    found = session.scalars(
        select(AllocationShare)
        .where(AllocationShare.tenant_id == tenant_id, AllocationShare.posted_at.is_not(None))
        .where(*([] if fiscal_year is None else [AllocationShare.fiscal_year == FiscalYear(fiscal_year).year]))
        .order_by(AllocationShare.fiscal_year.desc(), AllocationShare.run_number.desc())
    )
    return [_share(share) for share in found]


def shares_in_force(session: Session, fiscal_year: int) -> dict[UUID, int]:
    """What each member bears of a year by the run posted last, in whole yen by tenant id; empty before one is."""
    found = session.execute(
        select(AllocationShare.tenant_id, AllocationShare.share_yen).where(
            AllocationShare.run_id
            == select(AllocationRun.id)
            .where(AllocationRun.fiscal_year == fiscal_year, AllocationRun.state == RunState.POSTED)
            .order_by(AllocationRun.number.desc())
            .limit(1)
            .scalar_subquery()
        )
    )
    return {row.tenant_id: row.share_yen for row in found}


def workings_of_share(session: Session, tenant_id: UUID, share_id: UUID) -> ShareWorkings:
    """How one share came about; no items for another tenant's share or for a member that no longer takes part."""
    found = session.scalars(
        select(AllocationWorking)
        .where(AllocationWorking.tenant_id == tenant_id, AllocationWorking.share_id == share_id)
        .order_by(AllocationWorking.place)
    )
    return ShareWorkings(items=tuple(WorkingFacts.model_validate(line) for line in found))


def workings_of_run(session: Session, run_id: UUID) -> list[MemberWorkings]:
    """The workings of all shares of a run that the tenant scope may read, lower label first."""
    found = session.execute(
        select(AllocationShare, AllocationWorking)
        .join(
            AllocationWorking,
            (AllocationWorking.tenant_id == AllocationShare.tenant_id)
            & (AllocationWorking.share_id == AllocationShare.id),
        )
        .where(AllocationShare.run_id == run_id)
        .order_by(AllocationShare.label, AllocationWorking.place)
    )
    return [
        MemberWorkings(
            tenant_id=share.tenant_id,
            code=share.label,
            name=share.name,
            workings=tuple(WorkingFacts.model_validate(line) for _, line in lines),
        )
        for share, lines in groupby(found, lambda row: row[0])
    ]


def _with_shares(session: Session, found: list[AllocationRun]) -> list[RunFacts]:
    shares: dict[UUID, list[ShareFacts]] = defaultdict(list)
    for share in session.scalars(
        select(AllocationShare)
        .where(AllocationShare.run_id.in_([run.id for run in found]))
        .order_by(AllocationShare.label)
    ):
        shares[share.run_id].append(_share(share))
    return [
        RunFacts(
            **dict(RunSummary.model_validate(run)),
            inputs=InputVersions.model_validate(run.inputs),
            shares=tuple(shares[run.id]),
        )
        for run in found
    ]


def _share(share: AllocationShare) -> ShareFacts:
    return ShareFacts(
        id=share.id,
        tenant_id=share.tenant_id,
        run_id=share.run_id,
        fiscal_year=share.fiscal_year,
        run_number=share.run_number,
        revision=share.revision,
        kind=RunKind(share.kind),
        digest=share.digest,
        code=share.label,
        name=share.name,
        share_yen=share.share_yen,
        previous_yen=share.previous_yen,
        divisions=tuple(ShareExplanation.model_validate(explanation) for explanation in share.divisions),
        posted_at=share.posted_at,
    )
