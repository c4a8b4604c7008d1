"""The emergency role over the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence

from admin.features.break_glass.entry_points import ENTRY_POINTS
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.people.break_glass import BreakGlassFacts, break_glass_hours

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


def _line(row: BreakGlassFacts) -> str:
    ended = row.closed_at or row.ends_at
    return f"{row.id}  {row.member_id}  {row.opened_at.isoformat()}  {ended.isoformat()}  {row.reason}"


@routes.list("/break-glass-hours", Permission.BREAK_GLASS_READ, "BreakGlassHourPage")
@cli_query("break-glass list", "緊急時の操作の一覧", "hours", _line)
def list_break_glass_hours() -> Sequence[BreakGlassFacts]:
    """List the latest hours in which somebody held the emergency role, the newest first."""
    return break_glass_hours(db.session())
