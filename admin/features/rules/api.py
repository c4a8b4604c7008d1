"""Rules over the API: their versions and the decisions that adopted them."""

from __future__ import annotations

from uuid import UUID

from admin.core.guard import requires
from admin.features.rules.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel.database import db
from governance.permissions import Permission
from governance.rules import queries as rules
from governance.rules.queries import RuleVersionFacts

routes = ApiRoutes(Tag.RULES, ENTRY_POINTS)


class RuleVersionPage(Page[RuleVersionFacts]):
    """Versions by rule and number."""


@routes.query_route("/rule-versions")
@requires(Permission.RULE_READ)
def list_rule_versions(query: PageQuery) -> RuleVersionPage:
    """List every version of every rule."""
    return paginate(RuleVersionPage, rules.rule_versions(db.session()), lambda row: str(row.id), query)


@routes.query_route("/rule-versions/<version>")
@requires(Permission.RULE_READ)
def get_rule_version(version: UUID) -> RuleVersionFacts:
    """Show one version of a rule."""
    return rules.version_by_id(db.session(), version)
