"""Drift over the API and the command line: what Moyai wants compared with what Keycloak holds."""

from __future__ import annotations

from typing import Annotated

from flask import current_app
from pydantic import Field

from admin.core.rate_limits import RateLimit
from admin.interface.api_requests import Query
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.keycloak_port import identities_of
from admin.interface.queries import cli_query
from admin.workflows.drift import Drift, find_drift
from governance.declaration import Input
from governance.permissions import Permission

routes = ApiRoutes(Tag.ONBOARDING)


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
