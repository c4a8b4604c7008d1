"""The register of who takes part, over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.registry import queries
from tenancy.registry.models import RegistryRow

routes = ApiRoutes(Tag.TENANTS, ())


class RegistryQuery(PageQuery):
    """The month, such as 2026-11; the present one without it."""

    month: Annotated[str, Field(max_length=7), Input("月", "Month")] = ""


def _line(one: RegistryRow) -> str:
    changes = "".join(f"  ({change.on} {change.state})" for change in one.changes)
    return f"{one.code or '------'}  {one.state:<12}  {one.people:>4}  {one.name}{changes}"


@routes.list("/member-registry", Permission.REGISTRY_READ, "RegistryPage", "tenant_id")
@cli_query("registry show", "参加団体台帳を見る", "tenants", _line)
def get_member_registry(query: RegistryQuery) -> Sequence[RegistryRow]:
    """List who took part at the end of a month, by code, with state, plan, people and contact."""
    today = clock.today()
    first = queries.first_of_month(query.month, today) if query.month else today.replace(day=1)
    return queries.registry(db.session(), first, today)
