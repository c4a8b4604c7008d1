"""Reads of rules. Rules belong to no tenant: every tenant scope may read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.kernel.digest import digest_of
from governance.kernel.errors import Language, not_found, require_found
from governance.kernel.labels import Label
from governance.kernel.models import ReadModel
from governance.rules.body import read_as_stages
from governance.rules.comparison import RuleComparison, compare_rules
from governance.rules.sentences import RuleText, rule_text
from governance.rules.tables import Rule, RuleVersion


class RuleDecision(ReadModel):
    """The decision (協議会議決) that brought a version of a rule into force."""

    decided_by: str
    number: str
    on: date


class RuleVersionFacts(ReadModel):
    """One version of a rule. `decision` is None until a decision adopts it; `valid_until` is the first day after it.

    `name` is the rule's short name; `body` is the JSON as it was drafted, and `body_hash` its digest.
    """

    id: UUID
    name: str
    label: str
    number: int
    body: dict[str, Any]
    body_hash: str
    valid_from: date
    valid_until: date | None
    decision: RuleDecision | None


def rule_versions(session: Session, name: str | None = None) -> list[RuleVersionFacts]:
    """All versions, of one rule or of all, by name and number. Raises NotFound for an unknown name."""
    found = session.execute(
        select(RuleVersion, Rule)
        .join(Rule, Rule.id == RuleVersion.rule_id)
        .where(*([] if name is None else [Rule.name == name]))
        .order_by(Rule.name, RuleVersion.number)
    ).all()
    if name is not None and not found:
        raise not_found(what=Label("負担金算定規程", "rule"), given=name, field="name")
    return [_facts(version, rule) for version, rule in found]


def labels_of_rules(session: Session) -> dict[str, str]:
    """The label of every rule by its short name."""
    return {row.name: row.label for row in session.execute(select(Rule.name, Rule.label))}


def version_by_id(session: Session, version_id: UUID) -> RuleVersionFacts:
    """One version. Raises NotFound."""
    found = require_found(
        session.execute(
            select(RuleVersion, Rule).join(Rule, Rule.id == RuleVersion.rule_id).where(RuleVersion.id == version_id)
        ).first(),
        what=Label("規程の版", "rule version"),
        given=version_id,
        field="version_id",
    )
    return _facts(*found)


def rule_by_name(session: Session, name: str) -> UUID:
    """The id of a rule. Raises NotFound."""
    return require_found(
        session.scalars(select(Rule.id).where(Rule.name == name)).first(),
        what=Label("負担金算定規程", "rule"),
        given=name,
        field="rule",
    )


def in_force(session: Session, rule_id: UUID, on: date) -> RuleVersionFacts | None:
    """The adopted version of a rule that is in force on a day, or None where there is none."""
    found = session.execute(
        select(RuleVersion, Rule)
        .join(Rule, Rule.id == RuleVersion.rule_id)
        .where(RuleVersion.rule_id == rule_id, RuleVersion.adopted_at.is_not(None), RuleVersion.in_force_on(on))
    ).first()
    return None if found is None else _facts(*found)


def text_of_version(
    session: Session, version_id: UUID, language: Language, names: Mapping[str, str] | None = None
) -> RuleText:
    """A version as sentences; `names` are the members' names by code. Raises NotFound.

    Raises Invalid for a version of before whose names hold what sentences cannot.
    """
    return rule_text(read_as_stages(version_by_id(session, version_id).body), language, names)


def compare_versions(
    session: Session, before_id: UUID, after_id: UUID, language: Language, names: Mapping[str, str] | None = None
) -> RuleComparison:
    """What changed from one version to another, also of another rule. Raises NotFound, and Invalid as above."""
    before, after = version_by_id(session, before_id), version_by_id(session, after_id)
    return compare_rules(read_as_stages(before.body), read_as_stages(after.body), language, names)


def _facts(version: RuleVersion, rule: Rule) -> RuleVersionFacts:
    if digest_of(version.body) != version.body_hash:
        raise RuntimeError(f"the body of rule version {version.id} is not the one that was drafted")
    decision = None
    if version.decided_by is not None and version.decision_number is not None and version.decided_on is not None:
        decision = RuleDecision(decided_by=version.decided_by, number=version.decision_number, on=version.decided_on)
    return RuleVersionFacts(
        id=version.id,
        name=rule.name,
        label=rule.label,
        number=version.number,
        body=version.body,
        body_hash=version.body_hash,
        valid_from=version.valid_from,
        valid_until=version.valid_until,
        decision=decision,
    )
