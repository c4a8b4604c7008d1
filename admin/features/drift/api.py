"""Drift over the API and the command line: what Moyai wants compared with what Keycloak holds, now and each night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from flask import current_app
from pydantic import Field

from admin.core.rate_limits import RateLimit
from admin.features.drift.entry_points import ENTRY_POINTS
from admin.interface.api_requests import Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.keycloak_port import identities_of
from admin.interface.queries import cli_query
from admin.workflows.drift import Drift, find_drift
from governance.declaration import Input
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.drift_checks import queries
from tenancy.drift_checks.models import DriftCheckDetails, DriftCheckFacts

routes = ApiRoutes(Tag.ONBOARDING, ENTRY_POINTS)


class DriftQuery(Query):
    """Of one tenant, by its code, or of everything."""

    tenant: Annotated[str, Field(pattern=r"^[0-9]{6}$"), Input("団体コード", "The tenant's code")] | None = None


def _lines(found: Drift) -> str:
    return "\n".join(
        f"{one.kind}\t{one.tenant}\t{one.object}" + (f" ({one.field})" if one.field else "")
        for one in found.differences
    )


def _summary(found: Drift) -> str:
    count = len(found.differences)
    return "差分はありません / In sync" if found.in_sync else f"差分 {count} 件 / {count} differences"


@routes.query("/drift", Permission.DRIFT_READ, limit=RateLimit.CHECK)
@cli_query(
    "drift", "意図との差分を調べる", line=_lines, arguments=["tenant"], note=_summary, holds=lambda found: found.in_sync
)
def get_drift(query: DriftQuery) -> Drift:
    """Compare Keycloak with what Moyai wants; changes nothing.

    For one tenant (CODE) or all. The command's exit code is 0 in sync, 1 when something differs, 3 when Keycloak
    cannot be reached.
    """
    return find_drift(identities_of(current_app), query.tenant)


@routes.list("/drift-checks", Permission.DRIFT_READ, "DriftCheckPage")
@cli_query("drift-check list", "照合の一覧", "checks", "id asked_at night ended_at number")
def list_drift_checks() -> Sequence[DriftCheckFacts]:
    """List the comparisons that were kept, the newest first: one each night, and those that were asked for."""
    return queries.drift_checks(db.session())


@routes.query("/drift-checks/<check>", Permission.DRIFT_READ)
@cli_query("drift-check show", "照合の結果を 1 つ見る")
def get_drift_check(check: UUID) -> DriftCheckDetails:
    """Show one comparison with the differences that it found."""
    return queries.drift_check(db.session(), check)
