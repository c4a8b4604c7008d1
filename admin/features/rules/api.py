"""Rules over the API and the command line: their versions and the decisions that adopted them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from admin.features.rules.entry_points import ENTRY_POINTS
from admin.interface.api_requests import NamePageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.kernel.database import db
from governance.permissions import Permission
from governance.rules import queries as rules
from governance.rules.queries import RuleVersionFacts

routes = ApiRoutes(Tag.RULES, ENTRY_POINTS)


def _line(version: RuleVersionFacts) -> str:
    decision = version.decision
    words = "未議決" if decision is None else f"{decision.decided_by} {decision.number}"
    return f"{version.id}  {version.name} v{version.number}  {version.valid_from}–{version.valid_until or ''}  {words}"


def _lines(version: RuleVersionFacts) -> str:
    return f"{_line(version)}\n{json.dumps(version.body, ensure_ascii=False, indent=2)}"


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
