"""The write door of quotas: define a plan, choose one, ask for another value, decide about it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance import approvals
from governance.approvals import Decision
from governance.commands import Order, Outcome, Work, command
from governance.events import Event
from governance.kernel import clock
from governance.kernel.digest import digest_of
from governance.kernel.errors import NOT_FOUND, Conflict, Invalid, NotFound, reason
from governance.kernel.ids import new_id
from governance.kernel.plain_text import Line, plain_line
from governance.kernel.turns import take_turn
from governance.permissions import Permission
from tenancy.quotas import queries
from tenancy.quotas.tables import Plan, PlanQuota, QuotaOverride, QuotaRequest, TenantPlan
from tenancy.tenants.queries import tenant as tenant_of

DIMENSION_UNKNOWN = reason(
    "quota.dimension_unknown",
    ja="利用枠の項目「{given}」はありません。使えるのは {known} です。",
    en="There is no quota dimension “{given}”; known are {known}.",
)
DIMENSION_MISSING = reason(
    "plan.dimension_missing",
    ja="プランには項目「{given}」の値も必要です（無制限は空、使えないものは 0）。",
    en="A plan says something about every dimension; {given} is missing (null is unlimited, 0 is none).",
)
LATER_ONE_STANDS = reason(
    "quota.later_one_stands",
    ja="{given} より後の {later} から始まる値がすでに決まっています。",
    en="Something that begins on {later}, after {given}, stands already.",
)
NO_PLAN = reason(
    "quota.no_plan",
    ja="{name} にはまだ利用プランがないため、利用枠の変更は申請できません。",
    en="{name} has no plan yet, so there is no quota to change.",
)
SAME_VALUE = reason(
    "quota.same_value",
    ja="申請された値は、今の利用枠と同じです。",
    en="The value asked for is the quota in force.",
)
OPEN_REQUEST = reason(
    "quota.open_request",
    ja="この項目には、決定を待っている申請がすでにあります。",
    en="A request about this dimension waits for its decision already.",
)
VALUE_WITHOUT_APPROVAL = reason(
    "quota.value_without_approval",
    ja="却下する場合は、値を指定できません。",
    en="A request that is rejected has no value decided.",
)

KIND: Final = "quota"
"""What these requests are called among the approvals."""

PlanName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
QuotaValue = Annotated[int, Field(ge=0, le=10**12)] | None
"""None is unlimited, 0 is nothing."""


class DefinePlan(Order):
    """A plan's values for every dimension, from a day on (today where nothing else is said)."""

    name: PlanName
    label: Line
    quotas: dict[str, QuotaValue]
    valid_from: date | None = None


class PlanDefined(Outcome):
    """How many values became other than they were."""

    plan_id: UUID
    changed: int


class ChoosePlan(Order):
    """The plan a tenant is on from a day on (today where nothing else is said)."""

    tenant_id: UUID
    plan: PlanName
    valid_from: date | None = None


class PlanChosen(Outcome):
    tenant_plan_id: UUID


class RequestQuota(Order):
    """Another value of one dimension for a tenant, with the reason."""

    tenant_id: UUID
    dimension: Line
    value: QuotaValue
    reason: Line


class QuotaRequested(Outcome):
    """`digest` is of what is asked; the decision names it."""

    request_id: UUID
    digest: str


class DecideQuota(Order):
    """The decision about a request whose digest was shown. `value` where another one than asked for is decided:
    `decides_value` says that it is, because None is a value too.
    """

    request_id: UUID
    digest: str
    decision: Decision
    why: Line
    decides_value: bool = False
    value: QuotaValue = None
    valid_from: date | None = None


class QuotaDecided(Outcome):
    """The value decided (None is unlimited), or None with `approved` false."""

    approved: bool
    value: int | None


@command(Permission.PLAN_DEFINE, Event.PLAN_DEFINED)
def define_plan(work: Work, order: DefinePlan) -> PlanDefined:
    """Define a plan, or its values from a day on; those before stay as they were. The same again changes nothing.

    Raises Invalid for an unknown or a missing dimension, Conflict where a value that begins later stands already.
    """
    label = plain_line(order.label, field="label")
    known = [dimension.name for dimension in queries.dimensions(work.session)]
    for dimension in order.quotas:
        _refuse_unknown(dimension, known, field=f"quotas.{dimension}")
    for dimension in known:
        if dimension not in order.quotas:
            raise Invalid(DIMENSION_MISSING, field=f"quotas.{dimension}", given=dimension)
    since = order.valid_from or clock.today()
    take_turn(work.session, f"plan.{order.name}")
    plan = work.session.scalars(select(Plan).where(Plan.name == order.name)).first()
    is_new = plan is None
    if plan is None:
        plan = Plan(id=new_id(), name=order.name, label=label, created_at=work.now)
        work.session.add(plan)
        work.session.flush()
    relabelled = plan.label != label
    plan.label = label
    changed = []
    for dimension in known:
        standing = work.session.scalars(
            select(PlanQuota).where(
                PlanQuota.plan_id == plan.id, PlanQuota.dimension == dimension, PlanQuota.valid_until.is_(None)
            )
        ).first()
        value = order.quotas[dimension]
        if standing is not None and standing.value == value and standing.valid_from <= since:
            continue
        _close(work.session, standing, since)
        work.session.add(PlanQuota(id=new_id(), plan_id=plan.id, dimension=dimension, value=value, valid_from=since))
        changed.append(dimension)
    if not (is_new or relabelled or changed):
        work.unchanged()
        return PlanDefined(plan_id=plan.id, changed=0)
    work.record(
        subject=plan.id,
        plan=order.name,
        valid_from=since.isoformat(),
        changed={dimension: order.quotas[dimension] for dimension in changed},
    )
    return PlanDefined(plan_id=plan.id, changed=len(changed))


@command(Permission.PLAN_CHOOSE, Event.PLAN_CHOSEN)
def choose_plan(work: Work, order: ChoosePlan) -> PlanChosen:
    """Put the tenant on the plan from a day on. Raises NotFound for the tenant or the plan, Conflict where another
    choice that begins later stands already.
    """
    tenant = tenant_of(work.session, order.tenant_id, lock=True)
    plan = queries.plan_named(work.session, order.plan)
    since = order.valid_from or clock.today()
    standing = work.session.scalars(
        select(TenantPlan).where(TenantPlan.tenant_id == tenant.id, TenantPlan.valid_until.is_(None))
    ).first()
    if standing is not None and standing.plan_id == plan.id and standing.valid_from <= since:
        work.unchanged()
        return PlanChosen(tenant_plan_id=standing.id)
    _close(work.session, standing, since)
    chosen = TenantPlan(
        id=new_id(),
        tenant_id=tenant.id,
        plan_id=plan.id,
        valid_from=since,
        chosen_by=work.actor.id,
        chosen_at=work.now,
    )
    work.session.add(chosen)
    work.record(subject=chosen.id, tenant_id=tenant.id, plan=plan.name, valid_from=since.isoformat())
    return PlanChosen(tenant_plan_id=chosen.id)


@command(Permission.QUOTA_REQUEST, Event.QUOTA_REQUESTED)
def request_quota(work: Work, order: RequestQuota) -> QuotaRequested:
    """Ask for another value. Raises NotFound for the tenant, Invalid for an unknown dimension, Conflict without a plan,
    for the value that is in force, and while another request about the dimension is open.
    """
    why = plain_line(order.reason, field="reason", most=1_000)
    tenant = tenant_of(work.session, order.tenant_id, lock=True)
    in_force = {quota.dimension: quota for quota in queries.quotas_in_force(work.session, tenant.id, clock.today())}
    known = [dimension.name for dimension in queries.dimensions(work.session)]
    _refuse_unknown(order.dimension, known, field="dimension")
    if not in_force:
        raise Conflict(NO_PLAN, field="tenant_id", name=tenant.name)
    original = in_force[order.dimension].value
    if order.value == original:
        raise Conflict(SAME_VALUE, field="value")
    if queries.open_request(work.session, tenant.id, order.dimension) is not None:
        raise Conflict(OPEN_REQUEST, field="dimension")
    request_id = new_id()
    asked = {"dimension": order.dimension, "original": original, "requested": order.value, "reason": why}
    digest = digest_of({"request": str(request_id), "tenant": str(tenant.id), **asked})
    work.session.add(
        QuotaRequest(
            id=request_id,
            tenant_id=tenant.id,
            dimension=order.dimension,
            original_value=original,
            requested_value=order.value,
            state="open",
            reason=why,
            digest=digest,
            requested_by=work.actor.id,
            requested_at=work.now,
        )
    )
    work.session.flush()
    approvals.request(
        work.session,
        work.actor,
        work.now,
        tenant_id=tenant.id,
        kind=KIND,
        subject_id=request_id,
        digest=digest,
        why=why,
    )
    work.record(
        subject=request_id,
        tenant_id=tenant.id,
        dimension=order.dimension,
        original=original,
        requested=order.value,
    )
    return QuotaRequested(request_id=request_id, digest=digest)


@command(Permission.QUOTA_DECIDE, Event.QUOTA_DECIDED)
def decide_quota(work: Work, order: DecideQuota) -> QuotaDecided:
    """Decide a request of somebody else. Approved, the value holds from the day on, in place of the plan's.

    Raises NotFound, NotAllowed to the requester, Conflict when decided already or where a value that begins later
    stands, Stale when the digest is not the request's, Invalid for a rejection that decides a value.
    """
    why = plain_line(order.why, field="why", most=1_000)
    approved = order.decision is Decision.APPROVED
    if order.decides_value and not approved:
        raise Invalid(VALUE_WITHOUT_APPROVAL, field="value")
    request = work.session.scalars(
        select(QuotaRequest).where(QuotaRequest.id == order.request_id).with_for_update()
    ).first()
    if request is None:
        raise NotFound(NOT_FOUND, field="request_id", what="quota request", given=str(order.request_id))
    approvals.decide(
        work.session,
        work.actor,
        work.now,
        kind=KIND,
        subject_id=request.id,
        digest=order.digest,
        decision=order.decision,
        why=why,
    )
    request.state = order.decision.value
    value = None
    if approved:
        value = order.value if order.decides_value else request.requested_value
        request.decided_value = value
        _override(work, request, value, order.valid_from or clock.today())
    work.record(
        subject=request.id,
        tenant_id=request.tenant_id,
        dimension=request.dimension,
        decision=order.decision.value,
        original=request.original_value,
        requested=request.requested_value,
        decided=value,
    )
    return QuotaDecided(approved=approved, value=value)


def _override(work: Work, request: QuotaRequest, value: int | None, since: date) -> None:
    tenant_of(work.session, request.tenant_id, lock=True)
    standing = work.session.scalars(
        select(QuotaOverride).where(
            QuotaOverride.tenant_id == request.tenant_id,
            QuotaOverride.dimension == request.dimension,
            QuotaOverride.valid_until.is_(None),
        )
    ).first()
    _close(work.session, standing, since)
    work.session.add(
        QuotaOverride(
            id=new_id(),
            tenant_id=request.tenant_id,
            dimension=request.dimension,
            value=value,
            valid_from=since,
            request_id=request.id,
        )
    )


def _close(session: Session, standing: PlanQuota | TenantPlan | QuotaOverride | None, since: date) -> None:
    """End what is open on the day its successor begins. One that begins later still is not taken back in passing."""
    if standing is None:
        return
    if standing.valid_from > since:
        raise Conflict(
            LATER_ONE_STANDS, field="valid_from", given=since.isoformat(), later=standing.valid_from.isoformat()
        )
    standing.valid_until = since
    session.flush()


def _refuse_unknown(dimension: str, known: list[str], *, field: str) -> None:
    if dimension not in known:
        raise Invalid(DIMENSION_UNKNOWN, field=field, given=dimension, known=", ".join(known))
