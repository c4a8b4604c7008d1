"""Commands of rules: draft a version, adopt it by a decision, end it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, check
from governance.events import Event
from governance.kernel.digest import digest_of
from governance.kernel.effective_dates import supersede
from governance.kernel.errors import Conflict, Invalid, message, require_found
from governance.kernel.field_types import EndDate, Id, JstDate, PlainLine, Slug, last_day
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.kernel.strict_model import SchemaOf
from governance.permissions import Permission, SecondPerson
from governance.rules.body import is_of_stages, read_rule_body
from governance.rules.cost_sharing import RULE_BODY, CostSharing
from governance.rules.stages import StagedRule
from governance.rules.states import RuleKind
from governance.rules.tables import Rule, RuleVersion

INTERVAL = message(
    "rule.interval",
    ja="最終日 {last_day} が適用開始日 {given_from} より前です。",
    en="The last day {last_day} is before the start {given_from}.",
)
ALREADY_ADOPTED = message(
    "rule.already_adopted",
    ja="「{rule}」第{number}版は、{decision_number}（{decided_on}）によりすでに決定されています。",
    en="Version {number} of “{rule}” was already adopted by {decision_number} of {decided_on}.",
)
NOT_ADOPTED = message(
    "rule.not_adopted",
    ja="「{rule}」第{number}版は、まだ決定されていません。",
    en="Version {number} of “{rule}” has not been adopted.",
    hint_ja="協議会の議決を記録してから、もう一度行ってください。",
    hint_en="Record the decision that adopts it first.",
)
OF_STAGES = message(
    "rule.of_stages_not_allocated",
    ja="「{rule}」第{number}版は段階で書かれた規程です。費用按分はまだこの形を計算できないため、議決を記録できません。",
    en="Version {number} of “{rule}” is a rule of stages. Allocations cannot go by one yet, so it cannot be adopted.",
    hint_ja="案のまま、文で確かめ、他の版と比べることができます。",
    hint_en="As a draft it can be read as sentences and compared with other versions.",
)
OVERLAP = message(
    "rule.overlap",
    ja="「{rule}」第{number}版が {later} から適用されているため、期間が重なります。",
    en="Version {number} of “{rule}”, in force from {later}, would overlap.",
    hint_ja="適用開始日を、その版の開始日より後にしてください。",
    hint_en="Start the new version later than that one.",
)
DECISION_LATER = message(
    "rule.decision_in_the_future",
    ja="議決日 {given} はまだ来ていません。",
    en="The date of the decision {given} is in the future.",
)
END_PASSED = message(
    "rule.end_in_the_past",
    ja="最終日は {least} 以後で指定してください（指定された値: {given}）。すでに過ぎた期間は変えられません。",
    en="The last day can be {least} or later, not {given}: the past cannot change.",
)


_LAST_DAY: Final = Input(
    "最終日（この日まで有効）", "Last day in force", Label("空欄なら期限なし", "no end if empty"), option="last-day"
)


class DraftRule(Command):
    """A version of a rule, not in force yet. A new name makes a new rule, a known name its next version."""

    name: Annotated[Slug, Input("名前（半角）", "Name")]
    label: Annotated[PlainLine, Input("表示名", "Label")]
    kind: RuleKind = RuleKind.COST_SHARING
    body: Annotated[
        dict[str, Any],
        SchemaOf(CostSharing, StagedRule),
        RULE_BODY,
        Input("本文", "Body", Label("JSON のファイル", "The body of the rule as JSON.")),
    ]
    valid_from: Annotated[JstDate, Input("適用開始日", "In force from", former=("from",))]
    valid_until: Annotated[EndDate | None, _LAST_DAY] = None

    @check("body")
    @staticmethod
    def body_is_a_rule(body: dict[str, Any]) -> None:
        """Raises Invalid for a body that could not share a cost, naming the field as `body.components[1].ratio`."""
        read_rule_body(body)

    @check("valid_from", "valid_until")
    @staticmethod
    def ends_after_it_starts(valid_from: date, valid_until: date | None) -> None:
        """Raises Invalid for an end on or before the first day."""
        if valid_until is not None and valid_until <= valid_from:
            raise Invalid(INTERVAL, field="valid_until", last_day=last_day(valid_until), given_from=valid_from)


class RuleDrafted(Result):
    version_id: UUID
    number: int
    body_hash: str


class AdoptRule(Command):
    """Who decided the version, under which number, and when (協議会議決)."""

    version_id: Annotated[Id, Input("規程の版", "Version")]
    decided_by: Annotated[
        PlainLine, Input("議決した機関", "Decided by", Label("例: 運営協議会", "The council or assembly that decided."))
    ]
    decision_number: Annotated[
        PlainLine, Input("議決番号", "Number", Label("議事録のとおり", "As in the minutes."), former=("number",))
    ]
    decided_on: Annotated[JstDate, Input("議決日", "Decided on", former=("on",))]


class RuleAdopted(Result):
    version_id: UUID
    ended_version_id: UUID | None
    """The version that was in force until the new one starts, if there was one."""


class EndRule(Command):
    """The day from which an adopted version is no longer in force; None gives it no end."""

    version_id: Annotated[Id, Input("規程の版", "Version")]
    valid_until: Annotated[EndDate | None, _LAST_DAY]


class RuleEnded(Result):
    version_id: UUID
    valid_until: date | None


@handles(Permission.RULE_DRAFT, Event.RULE_DRAFTED)
def draft_rule(ctx: CommandContext, command: DraftRule) -> RuleDrafted:
    """Store a version of a rule; it is not in force until a decision adopts it."""
    advisory_lock(ctx.session, f"rule.{command.name}")
    rule = ctx.session.scalars(select(Rule).where(Rule.name == command.name)).first()
    if rule is None:
        rule = Rule(id=new_id(), name=command.name, label=command.label, kind=command.kind.value, created_at=ctx.now)
        ctx.session.add(rule)
        ctx.session.flush()
    newest = ctx.session.scalar(select(func.max(RuleVersion.number)).where(RuleVersion.rule_id == rule.id)) or 0
    version = RuleVersion(
        id=new_id(),
        rule_id=rule.id,
        number=newest + 1,
        body=command.body,
        body_hash=digest_of(command.body),
        valid_from=command.valid_from,
        valid_until=command.valid_until,
        drafted_at=ctx.now,
        drafted_by=ctx.actor.id,
    )
    ctx.session.add(version)
    ctx.session.flush()
    ctx.audit(subject=version.id, rule=rule.name, number=version.number, body_hash=version.body_hash)
    return RuleDrafted(version_id=version.id, number=version.number, body_hash=version.body_hash)


@handles(Permission.RULE_ADOPT, Event.RULE_ADOPTED, approval=SecondPerson.RULES, edits="rule version {version_id}")
def adopt_rule(ctx: CommandContext, command: AdoptRule) -> RuleAdopted:
    """Bring a drafted version into force by a decision. The version before it ends where this one starts.

    Raises Conflict when it is adopted already, when another adopted version starts at the same time or later, and for
    a rule of stages, which a run could not allocate by.
    """
    version, rule = _version_for_update(ctx.session, command.version_id)
    if version.adopted_at is not None:
        raise Conflict(
            ALREADY_ADOPTED,
            rule=rule.label,
            number=version.number,
            decision_number=version.decision_number,
            decided_on=version.decided_on,
        )
    if is_of_stages(version.body):
        raise Conflict(OF_STAGES, rule=rule.label, number=version.number)
    if command.decided_on > ctx.today:
        raise Invalid(DECISION_LATER, field="decided_on", given=command.decided_on)
    overlapping = ctx.session.scalars(
        select(RuleVersion)
        .where(RuleVersion.rule_id == rule.id, RuleVersion.adopted_at.is_not(None))
        .where(or_(RuleVersion.valid_until.is_(None), RuleVersion.valid_until > version.valid_from))
        .where(*([] if version.valid_until is None else [RuleVersion.valid_from < version.valid_until]))
        .order_by(RuleVersion.valid_from)
    ).all()
    # Adopted versions do not overlap, so at most one of these begins earlier; it ends unless a later one is in the way.
    later = next((other for other in overlapping if other.valid_from >= version.valid_from), None)
    current = later or next(iter(overlapping), None)
    supersede(
        ctx.session,
        current,
        version,
        later_exists=OVERLAP,
        may_be_empty=False,
        rule=rule.label,
        number=None if current is None else current.number,
    )
    version.adopted_at = ctx.now
    version.adopted_by = ctx.actor.id
    version.decided_by = command.decided_by
    version.decision_number = command.decision_number
    version.decided_on = command.decided_on
    ctx.audit(
        subject=version.id,
        rule=rule.name,
        number=version.number,
        body_hash=version.body_hash,
        decided_by=command.decided_by,
        decision_number=command.decision_number,
        decided_on=command.decided_on.isoformat(),
    )
    return RuleAdopted(version_id=version.id, ended_version_id=None if current is None else current.id)


@handles(Permission.RULE_END, Event.RULE_ENDED, edits="rule version {version_id}")
def end_rule(ctx: CommandContext, command: EndRule) -> RuleEnded:
    """Move the end of an adopted version, the only thing about it that can move; never into what has passed."""
    version, rule = _version_for_update(ctx.session, command.version_id)
    if version.adopted_at is None:
        raise Conflict(NOT_ADOPTED, rule=rule.label, number=version.number)
    if version.valid_until == command.valid_until:
        ctx.mark_noop()
        return RuleEnded(version_id=version.id, valid_until=version.valid_until)
    today = ctx.today
    if command.valid_until is not None and command.valid_until <= version.valid_from:
        raise Invalid(
            INTERVAL, field="valid_until", last_day=last_day(command.valid_until), given_from=version.valid_from
        )
    for end in (command.valid_until, version.valid_until):
        if end is not None and end < today:
            raise Invalid(END_PASSED, field="valid_until", least=last_day(today), given=last_day(end))
    follower = ctx.session.scalars(
        select(RuleVersion)
        .where(RuleVersion.rule_id == rule.id, RuleVersion.adopted_at.is_not(None))
        .where(RuleVersion.valid_from > version.valid_from)
        .order_by(RuleVersion.valid_from)
    ).first()
    if follower is not None and (command.valid_until is None or command.valid_until > follower.valid_from):
        raise Conflict(OVERLAP, field="valid_until", rule=rule.label, number=follower.number, later=follower.valid_from)
    version.valid_until = command.valid_until
    until = command.valid_until.isoformat() if command.valid_until else None
    ctx.audit(subject=version.id, rule=rule.name, number=version.number, valid_until=until)
    return RuleEnded(version_id=version.id, valid_until=command.valid_until)


def _version_for_update(session: Session, version_id: UUID) -> tuple[RuleVersion, Rule]:
    """The version and its rule; the rule's row is locked, so that two adoptions of one rule wait for each other."""
    found = require_found(
        session.get(RuleVersion, version_id),
        what=Label("規程の版", "rule version"),
        given=version_id,
        field="version_id",
    )
    rule = session.scalars(select(Rule).where(Rule.id == found.rule_id).with_for_update()).one()
    session.refresh(found)
    return found, rule
