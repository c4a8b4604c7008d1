"""Rules over the API: their versions and the decisions that adopted them."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from admin.core.guard import requires
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.paging import Page, paginate
from governance.kernel.database import db
from governance.permissions import Permission
from governance.rules import queries as rules
from governance.rules.commands import adopt_rule, draft_rule, end_rule

routes = ApiRoutes(Tag.RULES)


class AdoptionResponse(BaseModel):
    """The decision that brought a version of a rule into force."""

    model_config = ConfigDict(from_attributes=True)

    decided_by: str
    number: str
    on: date


class RuleVersionResponse(BaseModel):
    """A version of a rule; in force once it is adopted."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    label: str
    number: int
    body: dict[str, Any]
    body_hash: str
    valid_from: date
    valid_until: date | None
    adoption: AdoptionResponse | None


class RuleVersionPage(Page[RuleVersionResponse]):
    """Versions by rule and number."""


@routes.query_route("/rule-versions")
@requires(Permission.RULE_READ)
def list_rule_versions(query: PageQuery) -> RuleVersionPage:
    """List every version of every rule."""
    return paginate(RuleVersionPage, rules.rule_versions(db.session()), lambda row: str(row.id), query)


@routes.query_route("/rule-versions/<version>")
@requires(Permission.RULE_READ)
def show_rule_version(version: UUID) -> RuleVersionResponse:
    """Show one version of a rule."""
    return RuleVersionResponse.model_validate(rules.version_by_id(db.session(), version))


routes.command_route("POST", "/rule-versions", draft_rule)

routes.command_route("POST", "/rule-versions/<version>/adoption", adopt_rule, {"version": "version_id"})

routes.command_route("PUT", "/rule-versions/<version>/end", end_rule, {"version": "version_id"})
