"""Reads of rules. Every scope may read them: a rule is everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.kernel.digest import digest_of
from governance.kernel.errors import not_found, require_found
from governance.rules.tables import Rule, RuleVersion


@dataclass(frozen=True, slots=True)
class Adoption:
    """The decision that brought a version into force."""

    decided_by: str
    number: str
    on: date


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One version of a rule, as it stands. `adoption` is None while nobody has adopted it."""

    id: UUID
    rule_id: UUID
    name: str
    label: str
    number: int
    body: dict[str, Any]
    body_hash: str
    valid_from: date
    valid_until: date | None
    adoption: Adoption | None


def rule_versions(session: Session, name: str | None = None) -> list[VersionFacts]:
    """All versions, of one rule or of all, by name and number. Raises NotFound for an unknown name."""
    found = session.execute(
        select(RuleVersion, Rule)
        .join(Rule, Rule.id == RuleVersion.rule_id)
        .where(*([] if name is None else [Rule.name == name]))
        .order_by(Rule.name, RuleVersion.number)
    ).all()
    if name is not None and not found:
        raise not_found(what="運用ルール / rule", given=name, field="name")
    return [_facts(version, rule) for version, rule in found]


def version_by_id(session: Session, version_id: UUID) -> VersionFacts:
    """One version. Raises NotFound."""
    found = require_found(
        session.execute(
            select(RuleVersion, Rule).join(Rule, Rule.id == RuleVersion.rule_id).where(RuleVersion.id == version_id)
        ).first(),
        what="ルールの版 / rule version",
        given=version_id,
        field="version_id",
    )
    return _facts(*found)


def rule_by_name(session: Session, name: str) -> UUID:
    """The id of a rule. Raises NotFound."""
    return require_found(
        session.scalars(select(Rule.id).where(Rule.name == name)).first(),
        what="運用ルール / rule",
        given=name,
        field="rule",
    )


def in_force(session: Session, rule_id: UUID, on: date) -> VersionFacts | None:
    """The adopted version that holds on a day, or None when nobody adopted one for it."""
    found = session.execute(
        select(RuleVersion, Rule)
        .join(Rule, Rule.id == RuleVersion.rule_id)
        .where(RuleVersion.rule_id == rule_id, RuleVersion.adopted_at.is_not(None), RuleVersion.in_force_on(on))
    ).first()
    return None if found is None else _facts(*found)


def _facts(version: RuleVersion, rule: Rule) -> VersionFacts:
    if digest_of(version.body) != version.body_hash:
        raise RuntimeError(f"the body of rule version {version.id} is not the one that was drafted")
    adoption = None
    if version.decided_by is not None and version.decision_number is not None and version.decided_on is not None:
        adoption = Adoption(version.decided_by, version.decision_number, version.decided_on)
    return VersionFacts(
        version.id,
        rule.id,
        rule.name,
        rule.label,
        version.number,
        version.body,
        version.body_hash,
        version.valid_from,
        version.valid_until,
        adoption,
    )
