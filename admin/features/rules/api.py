"""Rules over the API and the command line: their versions and the decisions that adopted them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated
from uuid import UUID

from admin.features.rules.entry_points import ENTRY_POINTS
from admin.features.rules.member_names import names_of_members
from admin.interface.api_requests import NamePageQuery, Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel.database import db
from governance.permissions import Permission
from governance.rules import queries as rules
from governance.rules.comparison import RuleComparison
from governance.rules.queries import RuleVersionFacts
from governance.rules.sentences import RuleText
from governance.rules.states import TextLanguage

routes = ApiRoutes(Tag.RULES, ENTRY_POINTS)


def _line(version: RuleVersionFacts) -> str:
    decision = version.decision
    words = "未議決" if decision is None else f"{decision.decided_by} {decision.number}"
    return f"{version.id}  {version.name} v{version.number}  {version.valid_from}–{version.valid_until or ''}  {words}"


def _lines(version: RuleVersionFacts) -> str:
    return f"{_line(version)}\n{json.dumps(version.body, ensure_ascii=False, indent=2)}"


class RuleTextQuery(Query):
    """The language of the sentences."""

    language: Annotated[TextLanguage, Input("言語", "Language")] = TextLanguage.JAPANESE


def _changes(found: RuleComparison) -> str:
    return "\n".join(_change_lines(found)) or "違いはありません。 / No difference."


def _change_lines(found: RuleComparison) -> Iterator[str]:
    for change in found.changes:
        yield f"{change.id or '―'}  {change.kind.ja} / {change.kind.en}"
        for mark, sentence in (("-", change.sentence_before), ("+", change.sentence_after)):
            if sentence:
                yield f"  {mark} {sentence}"


@routes.list("/rule-versions", Permission.RULE_READ, "RuleVersionPage")
@cli_query("rule list", "規程の版の一覧", "rules", _line)
def list_rule_versions(query: NamePageQuery) -> Sequence[RuleVersionFacts]:
    """List the versions of every rule, or of one, by name and number."""
    return rules.rule_versions(db.session(), query.name)


@routes.query("/rule-versions/<version>", Permission.RULE_READ)
@cli_query("rule show", "規程の版を見る", line=_lines)
def get_rule_version(version: UUID) -> RuleVersionFacts:
    """Show one version of a rule."""
    return rules.version_by_id(db.session(), version)


@routes.query("/rule-versions/<version>/text", Permission.RULE_READ)
@cli_query("rule text", "規程の版を文で読む", line=lambda one: one.text)
def get_rule_text(version: UUID, query: RuleTextQuery) -> RuleText:
    """Show one version of a rule as sentences, the whole and by stage."""
    return rules.text_of_version(db.session(), version, query.language.language, names_of_members(db.session()))


@routes.query("/rule-versions/<version>/changes/<base>", Permission.RULE_READ)
@cli_query("rule changes", "規程の版を別の版と比べる", line=_changes)
def get_rule_changes(version: UUID, base: UUID, query: RuleTextQuery) -> RuleComparison:
    """Say what changed to one version of a rule from another, stage by stage, with the sentences."""
    names = names_of_members(db.session())
    return rules.compare_versions(db.session(), base, version, query.language.language, names)
