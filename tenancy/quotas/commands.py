"""The commands of quotas: define a plan, assign one to a tenant, request another value, decide a request."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from governance import approvals
from governance.approvals.states import Decision
from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel import clock
from governance.kernel.digest import digest_of
from governance.kernel.effective_dates import supersede
from governance.kernel.errors import Conflict, Invalid, Language, message, require_found
from governance.kernel.field_types import Flag, Id, JstDate, LongLine, PlainLine, Slug
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.outbox import INPUT_ENTERED
from governance.permissions import Permission
from tenancy.quotas import queries
from tenancy.quotas.labels import dimension_wording, unit_wording
from tenancy.quotas.quota_value import QuotaValue
from tenancy.quotas.states import QuotaRequestState
from tenancy.quotas.tables import Plan, PlanQuota, QuotaOverride, QuotaRequest, TenantPlan
from tenancy.tenants.queries import lock_tenant
from tenancy.tenants.queries import tenant as tenant_details
from tenancy.tenants.states import TenantState

DIMENSION_UNKNOWN = message(
    "quota.dimension_unknown",
    ja="利用枠の項目「{given}」はありません。使えるのは {known} です。",
    en="Unknown quota dimension “{given}”; the known ones are {known}.",
)
DIMENSION_MISSING = message(
    "plan.dimension_missing",
    ja="プランには項目「{given}」の値も必要です（無制限は空、使えないものは 0）。",
    en="A plan must set every dimension; {given} is missing (null is unlimited, 0 is none).",
)
LATER_VALUE_EXISTS = message(
    "quota.later_one_stands",
    ja="{given} より後の {later} から始まる値がすでに決まっています。",
    en="A value from {later}, after {given}, already exists.",
)
NO_PLAN = message(
    "quota.no_plan",
    ja="{name} にはまだ利用プランがないため、利用枠の変更は申請できません。",
    en="{name} has no plan yet, so there is no quota to change.",
)
SAME_VALUE = message(
    "quota.same_value",
    ja="申請された値は、今の利用枠と同じです。",
    en="The requested value is already in force.",
)
OPEN_REQUEST = message(
    "quota.open_request",
    ja="この項目には、決定を待っている申請がすでにあります。",
    en="A request for this dimension is already pending.",
)
ONE_REFUSED = message(
    "plan.one_refused",
    ja="{name}の利用プランを変更できないため、どの団体も変更していません。{problem}",
    en="The plan of {name} cannot be changed, so none was. {problem}",
    hint_ja="その団体を外すか、先に直してから、もう一度実行してください。",
    hint_en="Leave it out, or put it right first, then try again.",
)
VALUE_WITHOUT_APPROVAL = message(
    "quota.value_without_approval",
    ja="却下する場合は、値を指定できません。",
    en="A rejected request cannot have a decided value.",
)

KIND: Final = "quota"
"""The kind of these requests among the approvals; stored in their rows."""

PlanName = Annotated[Slug, StringConstraints(max_length=40)]

_FROM = Input("適用開始日", "From", Label("空にすると今日", "today if empty"), former=("from",))


def plan_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The plans there are, by name."""
    return [(plan.name, plan.label) for plan in queries.plans(session, clock.today())]


def dimension_choices(session: Session, language: Language) -> list[tuple[str, str]]:
    """The dimensions there are, with their units."""
    return [
        (
            one.name,
            f"{dimension_wording(one.name, one.label).ja}（{unit_wording(one.unit).ja}）"
            if language == "ja"
            else f"{dimension_wording(one.name, one.label).en} ({unit_wording(one.unit).en})",
        )
        for one in queries.dimensions(session)
    ]


class DefinePlan(Command):
    """A plan's values for every dimension, from `valid_from` on (JST; today if None). New or existing by `name`."""

    name: Annotated[PlanName, Input("名前（半角）", "Name")]
    label: Annotated[PlainLine, Input("表示名", "Label")]
    quotas: Annotated[dict[str, QuotaValue], Input("利用枠", "Quotas", former=("set",))]
    valid_from: Annotated[JstDate | None, _FROM] = None


class PlanDefined(Result):
    """The plan, and how many of its values changed; 0 when it was the same already."""

    plan_id: UUID
    changed: int


_PLAN = Input(
    "利用プラン", "Plan", choices=plan_choices, none=Label("利用プランはまだありません。", "There is no plan yet.")
)


class AssignPlan(Command):
    """The plan, by name, that a tenant is on from `valid_from` on (JST; today if None)."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    plan: Annotated[PlanName, _PLAN]
    valid_from: Annotated[JstDate | None, _FROM] = None


class PlanAssigned(Result):
    """The tenant's assignment to the plan; the present one when it was the same already."""

    tenant_plan_id: UUID


class AssignPlanToMany(Command):
    """The plan that several tenants are on from `valid_from` on (JST; today if None)."""

    tenant_ids: Annotated[
        tuple[Id, ...],
        Field(min_length=1, max_length=2000),
        SORTED_UNIQUE,
        Input("団体", "Tenants", option="tenant", none=Label("団体がありません。", "There is no tenant.")),
    ]
    plan: Annotated[PlanName, _PLAN]
    valid_from: Annotated[JstDate | None, _FROM] = None


class PlanAssignedToMany(Result):
    """The plan, and how many of the tenants were on another one or on none."""

    plan: str
    changed: int


class RequestQuota(Command):
    """Another value of one dimension for a tenant, with the reason (1,000 characters at most)."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    dimension: Annotated[PlainLine, Input("項目", "Dimension", choices=dimension_choices)]
    value: Annotated[QuotaValue, Input("希望する値", "Requested value")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class QuotaRequested(Result):
    """The request, and the digest of its tenant, dimension, values and reason, which the decision must name."""

    request_id: UUID
    digest: str


class DecideQuota(Command):
    """The decision about the request with this digest. Approved, it holds from `valid_from` on (JST; today if None).

    With `decides_value` the decided value is `value` in place of the requested one; the flag is needed because None
    means unlimited.
    """

    request_id: Annotated[Id, Input("申請", "Request")]
    digest: Annotated[PlainLine, Input("照合番号", "Digest")]
    decision: Annotated[Decision, Input("決定", "Decision")]
    reason: Annotated[LongLine, Input("理由", "Reason")]
    decides_value: Annotated[Flag, Input("申請と異なる値に決定する", "Another value than requested")] = False
    value: Annotated[QuotaValue, Input("決定する値", "Decided value")] = None
    valid_from: Annotated[JstDate | None, _FROM] = None

    @check("decision", "decides_value")
    @staticmethod
    def value_of_approval(decision: Decision, decides_value: bool) -> None:
        """Only an approval decides a value."""
        if decides_value and decision is not Decision.APPROVED:
            raise Invalid(VALUE_WITHOUT_APPROVAL, field="value")


class QuotaDecided(Result):
    """The decided value (None is unlimited); always None when `approved` is false."""

    approved: bool
    value: int | None


@handles(Permission.PLAN_DEFINE, Event.PLAN_DEFINED, edits="plan {name}")
def define_plan(ctx: CommandContext, command: DefinePlan) -> PlanDefined:
    """Define a plan, or its values from a day on; those before stay as they were. The same again changes nothing.

    Raises Invalid for an unknown or a missing dimension, Conflict when a value from a later day already exists.
    """
    known = [dimension.name for dimension in queries.dimensions(ctx.session)]
    for dimension in command.quotas:
        _require_known_dimension(dimension, known, field=f"quotas.{dimension}")
    for dimension in known:
        if dimension not in command.quotas:
            raise Invalid(DIMENSION_MISSING, field=f"quotas.{dimension}", given=dimension)
    since = command.valid_from or ctx.today
    advisory_lock(ctx.session, f"plan.{command.name}")
    plan = ctx.session.scalars(select(Plan).where(Plan.name == command.name)).first()
    is_new = plan is None
    if plan is None:
        plan = Plan(id=new_id(), name=command.name, label=command.label, created_at=ctx.now)
        ctx.session.add(plan)
        ctx.session.flush()
    relabelled = plan.label != command.label
    plan.label = command.label
    changed = []
    for dimension in known:
        current = ctx.session.scalars(
            select(PlanQuota).where(PlanQuota.plan_id == plan.id, PlanQuota.dimension == dimension, PlanQuota.is_open())
        ).first()
        value = command.quotas[dimension]
        if current is not None and current.value == value and current.valid_from <= since:
            continue
        successor = PlanQuota(id=new_id(), plan_id=plan.id, dimension=dimension, value=value, valid_from=since)
        supersede(ctx.session, current, successor, later_exists=LATER_VALUE_EXISTS)
        changed.append(dimension)
    if not (is_new or relabelled or changed):
        ctx.mark_noop()
        return PlanDefined(plan_id=plan.id, changed=0)
    ctx.audit(
        subject=plan.id,
        plan=command.name,
        valid_from=since.isoformat(),
        changed={dimension: command.quotas[dimension] for dimension in changed},
    )
    return PlanDefined(plan_id=plan.id, changed=len(changed))


@handles(Permission.PLAN_ASSIGN, Event.PLAN_ASSIGNED)
def assign_plan(ctx: CommandContext, command: AssignPlan) -> PlanAssigned:
    """Put the tenant on the plan from a day on.

    Raises NotFound for the tenant or the plan, Conflict when an assignment from a later day already exists.
    """
    assigned, has_changed = _assign(ctx, command.tenant_id, command.plan, command.valid_from or ctx.today)
    if not has_changed:
        ctx.mark_noop()
    return PlanAssigned(tenant_plan_id=assigned)


@handles(Permission.PLAN_ASSIGN, Event.PLAN_ASSIGNED)
def assign_plan_to_many(ctx: CommandContext, command: AssignPlanToMany) -> PlanAssignedToMany:
    """Put several tenants on one plan from a day on, or none of them.

    Raises NotFound for a tenant or the plan, Conflict naming the first that has an assignment from a later day.
    """
    since = command.valid_from or ctx.today
    changed = 0
    for tenant_id in command.tenant_ids:
        try:
            _, has_changed = _assign(ctx, tenant_id, command.plan, since)
        except Conflict as refused:
            name = tenant_details(ctx.session, tenant_id).name
            problem = Label(refused.text("ja"), refused.text("en"))
            raise Conflict(ONE_REFUSED, field="tenant_ids", name=name, problem=problem) from refused
        changed += has_changed
    if not changed:
        ctx.mark_noop()
    return PlanAssignedToMany(plan=command.plan, changed=changed)


def _assign(ctx: CommandContext, tenant_id: UUID, plan_name: str, since: date) -> tuple[UUID, bool]:
    """The tenant's assignment to the plan from that day on, and whether it is a new one."""
    found = lock_tenant(ctx.session, tenant_id)
    plan = queries.get_plan(ctx.session, plan_name, since)
    current = ctx.session.scalars(
        select(TenantPlan).where(TenantPlan.tenant_id == found.id, TenantPlan.is_open())
    ).first()
    if current is not None and current.plan_id == plan.id and current.valid_from <= since:
        return current.id, False
    chosen = TenantPlan(
        id=new_id(),
        tenant_id=found.id,
        plan_id=plan.id,
        valid_from=since,
        assigned_by=ctx.actor.id,
        assigned_at=ctx.now,
    )
    supersede(ctx.session, current, chosen, later_exists=LATER_VALUE_EXISTS)
    if found.state is TenantState.PROVISIONING:
        ctx.enqueue(INPUT_ENTERED, {"tenant_id": str(found.id)}, tenant_id=found.id)
    ctx.audit(subject=chosen.id, tenant_id=found.id, plan=plan.name, valid_from=since.isoformat())
    return chosen.id, True


@handles(Permission.QUOTA_REQUEST, Event.QUOTA_REQUESTED)
def request_quota(ctx: CommandContext, command: RequestQuota) -> QuotaRequested:
    """Ask for another value.

    Raises NotFound for the tenant, Invalid for an unknown dimension, Conflict without a plan, for the value that is
    in force, and while another request about the dimension is open.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    in_force = {quota.dimension: quota for quota in queries.quotas_in_force(ctx.session, tenant.id, ctx.today)}
    known = [dimension.name for dimension in queries.dimensions(ctx.session)]
    _require_known_dimension(command.dimension, known, field="dimension")
    if not in_force:
        raise Conflict(NO_PLAN, field="tenant_id", name=tenant.name)
    original = in_force[command.dimension].value
    if command.value == original:
        raise Conflict(SAME_VALUE, field="value")
    if queries.has_open_request(ctx.session, tenant.id, command.dimension):
        raise Conflict(OPEN_REQUEST, field="dimension")
    request_id = new_id()
    asked = {"dimension": command.dimension, "original": original, "requested": command.value, "reason": command.reason}
    digest = digest_of({"request": str(request_id), "tenant": str(tenant.id), **asked})
    ctx.session.add(
        QuotaRequest(
            id=request_id,
            tenant_id=tenant.id,
            dimension=command.dimension,
            original_value=original,
            requested_value=command.value,
            state=QuotaRequestState.OPEN,
            reason=command.reason,
            digest=digest,
            requested_by=ctx.actor.id,
            requested_at=ctx.now,
        )
    )
    ctx.session.flush()
    approvals.request(
        ctx.session,
        ctx.now,
        tenant_id=tenant.id,
        kind=KIND,
        subject_id=request_id,
        digest=digest,
        requested_by=ctx.actor.id,
        reason=command.reason,
    )
    ctx.audit(
        subject=request_id,
        tenant_id=tenant.id,
        dimension=command.dimension,
        original=original,
        requested=command.value,
        reason=command.reason,
    )
    return QuotaRequested(request_id=request_id, digest=digest)


@handles(Permission.QUOTA_DECIDE, Event.QUOTA_DECIDED, edits="quota request {request_id}", step_up=True)
def decide_quota(ctx: CommandContext, command: DecideQuota) -> QuotaDecided:
    """Decide a request of somebody else. Approved, the value holds from the day on, in place of the plan's.

    Raises NotFound, NotAllowed to the requester, Conflict when it is decided or a value from a later day already
    exists, Stale when the digest is not the request's, Invalid for a rejection that decides a value.
    """
    approved = command.decision is Decision.APPROVED
    request = require_found(
        ctx.session.scalars(
            select(QuotaRequest).where(QuotaRequest.id == command.request_id).with_for_update()
        ).first(),
        what=Label("利用枠の変更の申請", "quota request"),
        given=command.request_id,
        field="request_id",
    )
    approvals.decide(
        ctx.session,
        ctx.actor,
        ctx.now,
        kind=KIND,
        subject_id=request.id,
        digest=command.digest,
        decision=command.decision,
        reason=command.reason,
    )
    request.state = command.decision.value
    value = None
    if approved:
        value = command.value if command.decides_value else request.requested_value
        request.decided_value = value
        _override(ctx, request, value, command.valid_from or ctx.today)
    ctx.audit(
        subject=request.id,
        tenant_id=request.tenant_id,
        dimension=request.dimension,
        decision=command.decision.value,
        original=request.original_value,
        requested=request.requested_value,
        decided=value,
        reason=command.reason,
    )
    return QuotaDecided(approved=approved, value=value)


def _override(ctx: CommandContext, request: QuotaRequest, value: int | None, since: date) -> None:
    lock_tenant(ctx.session, request.tenant_id)
    current = ctx.session.scalars(
        select(QuotaOverride).where(
            QuotaOverride.tenant_id == request.tenant_id,
            QuotaOverride.dimension == request.dimension,
            QuotaOverride.is_open(),
        )
    ).first()
    successor = QuotaOverride(
        id=new_id(),
        tenant_id=request.tenant_id,
        dimension=request.dimension,
        value=value,
        valid_from=since,
        request_id=request.id,
    )
    supersede(ctx.session, current, successor, later_exists=LATER_VALUE_EXISTS)


def _require_known_dimension(dimension: str, known: list[str], *, field: str) -> None:
    if dimension not in known:
        raise Invalid(DIMENSION_UNKNOWN, field=field, given=dimension, known=", ".join(known))
