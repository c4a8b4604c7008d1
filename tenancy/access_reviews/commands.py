"""Commands of access reviews: start one or many, decide lines, sign, cancel, remind.

What a line withdraws is carried out when the owner signs (docs/decisions/0063): until then it is a draft of whoever
goes through the list, and may be decided anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.clock import jst_date
from governance.kernel.digest import digest_of
from governance.kernel.errors import Conflict, Invalid, message, not_found, require_found
from governance.kernel.field_types import Id, JstDate, LongLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.sorted_unique import SORTED_UNIQUE
from governance.permissions import Permission, Role
from tenancy.access_reviews.models import AccessReviewLineFacts
from tenancy.access_reviews.queries import has_signed, review_lines, reviews_under_way
from tenancy.access_reviews.states import LineDecision, LineKind
from tenancy.access_reviews.tables import AccessReview, AccessReviewLine, AccessReviewReminder
from tenancy.clients.queries import ADMITTED_STATES, service_clients
from tenancy.clients.suspension import suspend_if_running
from tenancy.people.owners import require_owners
from tenancy.people.queries import count_owners
from tenancy.people.role_changes import end_roles_held
from tenancy.people.roles_held import moment_of, people_as_of
from tenancy.people.withdrawal import suspend_if_present
from tenancy.reminders import ChosenTenants, Reminded, chosen_tenants, count_left_out, plan_reminders
from tenancy.tenants.models import TenantDetails, TenantListItem
from tenancy.tenants.queries import TenantFilter, list_tenants, lock_tenant
from tenancy.tenants.states import STATE_EFFECTS

MAIL_ACCESS_REVIEW: Final = "access-review.mail-owners"
"""The job that asks the owners of one tenant to review and sign: when it starts, and when they are reminded."""

DAY_TO_COME = message(
    "access_review.day_to_come",
    ja="基準日 {given} はまだ来ていません。",
    en="The day {given} is still to come.",
    hint_ja="今日までの日を指定してください。",
    hint_en="Give today or an earlier day.",
)
DUE_OVER = message(
    "access_review.due_over",
    ja="署名の期限 {given} は過ぎています。",
    en="The last day to sign, {given}, is over.",
    hint_ja="今日から後の日を指定してください。",
    hint_en="Give today or a later day.",
)
OPEN_ALREADY = message(
    "access_review.open_already",
    ja="{name} では、まだ署名していない権限の棚卸しがあります。",
    en="{name} has an access review that is not signed yet.",
    hint_ja="署名するか取りやめてから、次を始めてください。",
    hint_en="Have it signed or cancel it, then start the next one.",
)
NO_ACCESS_THERE = message(
    "access_review.no_access_there",
    ja="{name} には、棚卸しをする利用者がいません。",
    en="Nobody of {name} has access to be reviewed.",
)
NOBODY_TO_REVIEW = message(
    "access_review.nobody_to_review",
    ja="棚卸しを始められる団体がありません。",
    en="There is no tenant in which a review could be started.",
    hint_ja="署名していない棚卸しがある団体と、利用者がログインできない状態の団体は除かれます。",
    hint_en="Left out are those with a review that is not signed, and those whose people cannot sign in.",
)
NOT_OPEN = message(
    "access_review.not_open",
    ja="この権限の棚卸しは、すでに署名されたか取りやめられています。",
    en="This access review was signed or cancelled already.",
)
REASON_MISSING = message(
    "access_review.reason_missing",
    ja="役割を終えるか停止するときは、理由を入力してください。",
    en="Give the reason for ending roles or suspending.",
)
ROLES_MISSING = message(
    "access_review.roles_missing",
    ja="終える役割を選んでください。",
    en="Choose the roles to end.",
)
ROLES_NOT_ASKED = message(
    "access_review.roles_not_asked",
    ja="役割は「役割を終える」を選んだときだけ指定します。",
    en="Roles are given only where roles are ended.",
)
ROLE_NOT_ON_LINE = message(
    "access_review.role_not_on_line",
    ja="「{name}」は、選んだ役割を持っていません。",
    en="{name} holds none of these roles.",
    hint_ja="役割を選び直すか、この行を外してください。",
    hint_en="Choose other roles, or leave this line out.",
)
SYSTEM_HAS_NO_ROLES = message(
    "access_review.system_has_no_roles",
    ja="連携システム「{name}」には役割がありません。",
    en="The service client {name} holds no roles.",
    hint_ja="継続するか、利用を停止するかを選んでください。",
    hint_en="Keep it or suspend it.",
)
LINES_UNDECIDED = message(
    "access_review.lines_undecided",
    ja="まだ判断していない行が {number} 行あります。",
    en="{number} lines are not decided yet.",
    hint_ja="すべての行を「継続する」「役割を終える」「利用を停止する」のどれかにしてから署名してください。",
    hint_en="Decide each line first: keep, end roles or suspend.",
)
NOBODY_TO_REMIND = message(
    "access_review.nobody_to_remind",
    ja="催促できる団体がありません（{left_out}）。",
    en="There is no tenant to remind ({left_out}).",
    hint_ja="催促は、1 団体に 1 日 1 回までです。",
    hint_en="A tenant is reminded once a day at most.",
)

_NOBODY_WAITS: Final = Label("署名を待っている団体がありません", "no signature is missing")

_AsOf = Annotated[
    JstDate,
    Input("基準日", "As of", Label("その日の終わりの権限を一覧にします", "access as it was at the end of that day")),
]
_Due = Annotated[JstDate, Input("署名の期限", "To be signed by", Label("この日まで", "up to and including this day"))]


class StartAccessReview(Command):
    """A review of one tenant's access as of a day, to be signed by another."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    as_of: _AsOf
    due_on: _Due


class AccessReviewStarted(Result):
    """How many lines there are to decide."""

    review_id: UUID
    lines: int


class StartAccessReviews(Command):
    """A review in each of these tenants as of a day; without any, in all whose people may sign in."""

    as_of: _AsOf
    due_on: _Due
    tenant_ids: Annotated[
        tuple[Id, ...],
        Field(max_length=2000),
        SORTED_UNIQUE,
        Input(
            "団体",
            "Tenants",
            Label("選ばないと、利用者がログインできるすべての団体", "Without any, all whose people may sign in."),
            option="tenant",
        ),
    ] = ()


class AccessReviewsStarted(Result):
    """In which tenants reviews were started, and which were left out."""

    started: tuple[UUID, ...]
    left_out: tuple[UUID, ...]


class DecideAccessReview(Command):
    """What becomes of the access of these lines when the review is signed, and why."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    review_id: Annotated[Id, Input("権限の棚卸し", "Access review")]
    line_ids: Annotated[
        tuple[Id, ...],
        Field(min_length=1, max_length=6000),
        SORTED_UNIQUE,
        Input("対象", "Lines", option="line", none=Label("判断する行がありません。", "There is no line to decide.")),
    ]
    decision: Annotated[LineDecision, Input("判断", "Decision")]
    roles: Annotated[
        tuple[Role, ...],
        SORTED_UNIQUE,
        Input(
            "終える役割",
            "Roles to end",
            Label("「役割を終える」を選んだときだけ", "only where roles are ended"),
            option="role",
            none=Label("選んだ行に、終えられる役割はありません。", "None of these lines has a role that could end."),
        ),
    ] = ()
    reason: Annotated[
        LongLine | None,
        Input("理由", "Reason", Label("継続するときは空欄でかまいません", "may be empty for what is kept")),
    ] = None

    @check("decision", "roles", "reason")
    @staticmethod
    def withdrawal_is_whole(decision: LineDecision, roles: tuple[Role, ...], reason: str | None) -> None:
        """A withdrawal has a reason, and names roles where it ends roles only."""
        if decision is not LineDecision.KEEP and not reason:
            raise Invalid(REASON_MISSING, field="reason")
        if decision is LineDecision.END_ROLES and not roles:
            raise Invalid(ROLES_MISSING, field="roles")
        if decision is not LineDecision.END_ROLES and roles:
            raise Invalid(ROLES_NOT_ASKED, field="roles")


class AccessReviewDecided(Result):
    """How many lines are still undecided."""

    review_id: UUID
    undecided: int


class SignAccessReview(Command):
    """A tenant's owner signs its review: what was decided is carried out now."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    review_id: Annotated[Id, Input("権限の棚卸し", "Access review")]


class AccessReviewSigned(Result):
    """What the signature did: lines kept, roles ended, people and systems suspended; and the digest of the lines."""

    review_id: UUID
    kept: int
    roles_ended: int
    suspended: int
    digest: str


class CancelAccessReview(Command):
    """A review that was started by mistake, and why it is not to be signed."""

    tenant_id: Annotated[Id, Input("団体", "Tenant")]
    review_id: Annotated[Id, Input("権限の棚卸し", "Access review")]
    reason: Annotated[LongLine, Input("理由", "Reason")]


class AccessReviewCancelled(Result):
    review_id: UUID


class RemindOfAccessReviews(Command):
    """Mail the owners of tenants that have not signed their review. Without `tenant_ids`, of all of them."""

    tenant_ids: Annotated[
        ChosenTenants,
        chosen_tenants(Label("選ばないと、署名していないすべての団体", "Without any, all that have not signed.")),
    ] = ()


class AccessReviewsReminded(Reminded):
    """Whose owners get a mail, and who was left out and why."""


@handles(Permission.ACCESS_REVIEW_START, Event.ACCESS_REVIEW_STARTED)
def start_access_review(ctx: CommandContext, command: StartAccessReview) -> AccessReviewStarted:
    """Start a review in one tenant: the list is made now and stays; its owners are mailed.

    Raises NotFound, Invalid for days that cannot be, Conflict for the operator, where a review is open already, and
    where nobody had access.
    """
    _refuse_days(ctx, command.as_of, command.due_on)
    tenant = lock_tenant(ctx.session, command.tenant_id)
    if tenant.is_operator:
        raise Conflict(NO_ACCESS_THERE, field="tenant_id", name=tenant.name)
    if _review_under_way(ctx, tenant.id) is not None:
        raise Conflict(OPEN_ALREADY, field="tenant_id", name=tenant.name)
    review_id, lines = _start(ctx, tenant, command.as_of, command.due_on)
    if not lines:
        raise Conflict(NO_ACCESS_THERE, field="tenant_id", name=tenant.name)
    return AccessReviewStarted(review_id=review_id, lines=lines)


@handles(Permission.ACCESS_REVIEW_START_MANY, Event.ACCESS_REVIEW_STARTED)
def start_access_reviews(ctx: CommandContext, command: StartAccessReviews) -> AccessReviewsStarted:
    """Start a review in each of the tenants that has none open and whose people may sign in.

    Raises NotFound for an unknown tenant, Invalid for days that cannot be, Conflict where none can be started.
    """
    _refuse_days(ctx, command.as_of, command.due_on)
    started, left_out = [], []
    for one in tenants_to_review(list_tenants(ctx.session, TenantFilter(includes_operator=False)), command.tenant_ids):
        tenant = lock_tenant(ctx.session, one.id)
        may_start = STATE_EFFECTS[tenant.state].people_sign_in and _review_under_way(ctx, tenant.id) is None
        if may_start and _start(ctx, tenant, command.as_of, command.due_on)[1]:
            started.append(tenant.id)
        else:
            left_out.append(tenant.id)
    if not started:
        raise Conflict(NOBODY_TO_REVIEW, field="tenant_ids")
    return AccessReviewsStarted(started=tuple(started), left_out=tuple(left_out))


def tenants_to_review(every: Sequence[TenantListItem], chosen: Collection[UUID]) -> list[TenantListItem]:
    """The chosen tenants; without any those whose people may sign in. Pure. Raises NotFound for an unknown one."""
    for tenant_id in set(chosen) - {one.id for one in every}:
        raise not_found(what=Label("団体", "tenant"), given=tenant_id, field="tenant_ids")
    return [one for one in every if (one.id in chosen if chosen else STATE_EFFECTS[one.state].people_sign_in)]


@handles(Permission.ACCESS_REVIEW_DECIDE, Event.ACCESS_REVIEW_DECIDED, edits="access review {review_id}")
def decide_access_review(ctx: CommandContext, command: DecideAccessReview) -> AccessReviewDecided:
    """Record the decision on these lines, in place of one before. Nothing is withdrawn until the owner signs.

    Raises NotFound for the review and for a line of another one, Invalid for roles that a line has not, Conflict for a
    review that was signed or cancelled.
    """
    review = _lock_open(ctx, command.tenant_id, command.review_id)
    query = select(AccessReviewLine).where(
        AccessReviewLine.tenant_id == review.tenant_id,
        AccessReviewLine.review_id == review.id,
        AccessReviewLine.id.in_(command.line_ids),
    )
    lines = list(ctx.session.scalars(query))
    for line_id in set(command.line_ids) - {line.id for line in lines}:
        raise not_found(what=Label("棚卸しの行", "line of the review"), given=line_id, field="line_ids")
    for line in lines:
        ended = sorted(set(command.roles) & set(map(str, line.rights)))
        if command.decision is LineDecision.END_ROLES and line.kind == LineKind.CLIENT:
            raise Invalid(SYSTEM_HAS_NO_ROLES, field="line_ids", name=line.name)
        if command.decision is LineDecision.END_ROLES and not ended:
            raise Invalid(ROLE_NOT_ON_LINE, field="roles", name=line.name)
        line.decision, line.reason = command.decision.value, command.reason
        line.ended_roles = [str(role) for role in ended]
        line.decided_by, line.decided_at = ctx.actor.id, ctx.now
    ctx.session.flush()
    ctx.audit(
        subject=review.id,
        tenant_id=review.tenant_id,
        as_of=review.as_of.isoformat(),
        lines=len(lines),
        decision=command.decision.value,
        reason=command.reason,
    )
    undecided = [one for one in _lines(ctx, review) if one.decision is None]
    return AccessReviewDecided(review_id=review.id, undecided=len(undecided))


@handles(Permission.ACCESS_REVIEW_SIGN, Event.ACCESS_REVIEW_SIGNED, edits="access review {review_id}")
def sign_access_review(ctx: CommandContext, command: SignAccessReview) -> AccessReviewSigned:
    """Sign a review of which every line is decided, and carry out what the lines withdraw, all of it or nothing.

    What ended meanwhile is left as it is. Raises NotFound, Conflict where lines are undecided, where the review was
    signed or cancelled, and where no owner would be left; NotAllowed for roles above the actor's own rights.
    """
    tenant = lock_tenant(ctx.session, command.tenant_id)
    review = _lock_open(ctx, tenant.id, command.review_id)
    lines = _lines(ctx, review)
    undecided = sum(one.decision is None for one in lines)
    if undecided:
        raise Conflict(LINES_UNDECIDED, field="review_id", number=undecided)
    roles_ended = suspended = 0
    for one in lines:
        if one.decision is LineDecision.END_ROLES and one.member_id is not None:
            roles_ended += len(end_roles_held(ctx, tenant, one.member_id, one.ended_roles, one.reason or ""))
        elif one.decision is LineDecision.SUSPEND:
            suspended += _suspend(ctx, tenant, one)
    if roles_ended:
        require_owners(ctx, tenant)
    signed = digest_of_lines(lines)
    review.signed_by, review.signed_at, review.digest = ctx.actor.id, ctx.now, signed
    kept = sum(one.decision is LineDecision.KEEP for one in lines)
    ctx.audit(
        subject=review.id,
        tenant_id=tenant.id,
        as_of=review.as_of.isoformat(),
        lines=len(lines),
        kept=kept,
        roles_ended=roles_ended,
        suspended=suspended,
        digest=signed,
    )
    return AccessReviewSigned(
        review_id=review.id, kept=kept, roles_ended=roles_ended, suspended=suspended, digest=signed
    )


@handles(Permission.ACCESS_REVIEW_CANCEL, Event.ACCESS_REVIEW_CANCELLED, edits="access review {review_id}")
def cancel_access_review(ctx: CommandContext, command: CancelAccessReview) -> AccessReviewCancelled:
    """Cancel an open review: nothing of it is carried out. Raises NotFound, Conflict where it is open no more."""
    review = _lock_open(ctx, command.tenant_id, command.review_id)
    review.cancelled_by, review.cancelled_at, review.cancel_reason = ctx.actor.id, ctx.now, command.reason
    ctx.audit(subject=review.id, tenant_id=review.tenant_id, as_of=review.as_of.isoformat(), reason=command.reason)
    return AccessReviewCancelled(review_id=review.id)


@handles(Permission.ACCESS_REVIEW_REMIND, Event.ACCESS_REVIEW_REMINDED)
def remind_of_access_reviews(ctx: CommandContext, command: RemindOfAccessReviews) -> AccessReviewsReminded:
    """Remind the tenants that have not signed; a job for each mails its owners.

    A tenant that was reminded today, or has no owner, is left out. Raises NotFound for a tenant without an open
    review, Conflict where all are left out.
    """
    advisory_lock(ctx.session, "access_review.remind")
    asked = reviews_under_way(ctx.session, ctx.today)
    owners = count_owners(ctx.session, ctx.now)
    plan = plan_reminders(asked, command.tenant_ids, owners, ctx.today, done=has_signed)
    if not plan.reminded:
        raise Conflict(NOBODY_TO_REMIND, field="tenant_ids", left_out=count_left_out(plan.left_out, _NOBODY_WAITS))
    for one in plan.reminded:
        ctx.session.add(
            AccessReviewReminder(
                id=new_id(),
                tenant_id=one.tenant_id,
                review_id=one.id,
                reminded_on=ctx.today,
                reminded_by=ctx.actor.id,
                reminded_at=ctx.now,
            )
        )
        _mail(ctx, one.tenant_id, one.id)
        ctx.audit(subject=one.id, tenant_id=one.tenant_id, as_of=one.as_of.isoformat())
    return AccessReviewsReminded(reminded=tuple(one.tenant_id for one in plan.reminded), left_out=plan.left_out)


def digest_of_lines(lines: Sequence[AccessReviewLineFacts]) -> str:
    """`sha256:` and the SHA-256 of the lines with their decisions: what a signature stands for. Pure."""
    left_out = {"present_section", "present_rights", "has_changed"}
    return digest_of([one.model_dump(mode="json", exclude=left_out) for one in lines])


def _start(ctx: CommandContext, tenant: TenantDetails, as_of: date, due_on: date) -> tuple[UUID, int]:
    """Make the list, mail the owners, record it; returns the review and how many lines it has: nothing for none."""
    at = moment_of(as_of, None, ctx.now)
    people = people_as_of(ctx.session, tenant.id, at)
    clients = [
        one
        for one in service_clients(ctx.session, tenant.id)
        if one.state in ADMITTED_STATES and one.registered_at <= at
    ]
    review_id = new_id()
    if not people and not clients:
        return review_id, 0
    ctx.session.add(
        AccessReview(
            id=review_id,
            tenant_id=tenant.id,
            as_of=as_of,
            due_on=due_on,
            started_by=ctx.actor.id,
            started_at=ctx.now,
        )
    )
    ctx.session.flush()
    ctx.session.add_all(
        AccessReviewLine(
            id=new_id(),
            tenant_id=tenant.id,
            review_id=review_id,
            kind=LineKind.PERSON.value,
            member_id=one.member_id,
            name=f"{one.family_name} {one.given_name}",
            section=one.section,
            rights=[role.value for role in one.roles if role is not Role.TENANT_MEMBER],
            last_used_on=None if one.last_sign_in_at is None else jst_date(one.last_sign_in_at),
        )
        for one in people
    )
    ctx.session.add_all(
        AccessReviewLine(
            id=new_id(),
            tenant_id=tenant.id,
            review_id=review_id,
            kind=LineKind.CLIENT.value,
            client_id=one.id,
            name=one.name,
            rights=sorted(one.scopes),
            last_used_on=one.last_used_on,
        )
        for one in clients
    )
    ctx.session.flush()
    _mail(ctx, tenant.id, review_id)
    ctx.audit(
        subject=review_id,
        tenant_id=tenant.id,
        as_of=as_of.isoformat(),
        due_on=due_on.isoformat(),
        people=len(people),
        clients=len(clients),
    )
    return review_id, len(people) + len(clients)


def _suspend(ctx: CommandContext, tenant: TenantDetails, one: AccessReviewLineFacts) -> bool:
    if one.client_id is not None:
        return suspend_if_running(ctx, tenant.id, one.client_id, one.reason or "")
    return one.member_id is not None and suspend_if_present(ctx, tenant, one.member_id, one.reason or "")


def _lines(ctx: CommandContext, review: AccessReview) -> list[AccessReviewLineFacts]:
    return review_lines(ctx.session, review.tenant_id, review.id, ctx.now)


def _mail(ctx: CommandContext, tenant_id: UUID, review_id: UUID) -> None:
    payload = {"tenant_id": str(tenant_id), "review_id": str(review_id)}
    ctx.enqueue(MAIL_ACCESS_REVIEW, payload, tenant_id=tenant_id)


def _refuse_days(ctx: CommandContext, as_of: date, due_on: date) -> None:
    if as_of > ctx.today:
        raise Invalid(DAY_TO_COME, field="as_of", given=as_of.isoformat())
    if due_on < ctx.today:
        raise Invalid(DUE_OVER, field="due_on", given=due_on.isoformat())


def _review_under_way(ctx: CommandContext, tenant_id: UUID) -> UUID | None:
    query = select(AccessReview.id).where(
        AccessReview.tenant_id == tenant_id, AccessReview.signed_at.is_(None), AccessReview.cancelled_at.is_(None)
    )
    return ctx.session.scalars(query).first()


def _lock_open(ctx: CommandContext, tenant_id: UUID, review_id: UUID) -> AccessReview:
    query = select(AccessReview).where(AccessReview.tenant_id == tenant_id, AccessReview.id == review_id)
    found = require_found(
        ctx.session.scalars(query.with_for_update()).first(),
        what=Label("権限の棚卸し", "access review"),
        given=review_id,
        field="review_id",
    )
    if found.signed_at is not None or found.cancelled_at is not None:
        raise Conflict(NOT_OPEN, field="review_id")
    return found
