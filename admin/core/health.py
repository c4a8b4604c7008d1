"""Health addresses and the receiver of CSP reports.

`/healthz` makes no query. `/readyz` asks PostgreSQL, without which nothing can be served, for the schema's version, and
reports whether the JWKS cache holds keys; Keycloak may be unreachable, then those signed in keep working. Both are
answered on a port of their own as well (`admin.operations.health_listener`), where no request stands before them.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import structlog
from flask import Blueprint, Flask, Response, current_app, json, jsonify, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from admin.core.csrf import csrf_exempt
from admin.core.errors import RETRY_SECONDS
from admin.core.guard import requires
from admin.core.headers import REPORT_PATH
from admin.core.rate_limits import RateLimit, limited
from admin.core.request_checks import MAX_REPORT_BYTES
from admin.operations.health_listener import readiness
from governance.kernel.database import db
from governance.kernel.errors import DomainError
from governance.permissions import Permission

log = structlog.get_logger(__name__)

health = Blueprint("health", __name__)

_HAS_KEYS: Final = "moyai.health.has_keys"


def register_health(app: Flask, has_keys: Callable[[Flask], bool]) -> None:
    """Register the addresses. `has_keys` reports whether the JWKS cache holds keys of both realms."""
    app.extensions[_HAS_KEYS] = has_keys
    app.register_blueprint(health)


@health.get("/healthz")
@requires(Permission.PUBLIC)
def alive() -> Response:
    """200: the process responds."""
    return jsonify({"alive": True})


@health.get("/readyz")
@requires(Permission.PUBLIC)
def ready() -> tuple[Response, int]:
    """200 when requests can be served, else 503; names what is unreachable and nothing else."""
    try:
        schema = db.session.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError:
        schema = None
    body, status = readiness(schema, has_keys=current_app.extensions[_HAS_KEYS](current_app))
    response = jsonify(body)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response, status


@health.post(REPORT_PATH)
@limited(RateLimit.REPORT)
@csrf_exempt("browsers post reports by themselves, without any token")
@requires(Permission.PUBLIC)
def csp_report() -> Response:
    """Log a CSP violation report. The address is public, so size and fields are limited."""
    if (request.content_length or 0) <= MAX_REPORT_BYTES:
        log.warning("csp.report", **_report_fields(request.get_data()))
    return Response(status=204)


def _report_fields(body: bytes) -> dict[str, str]:
    try:
        inner = json.loads(body)["csp-report"]
        return {
            "directive": str(inner.get("effective-directive") or inner.get("violated-directive") or "")[:60],
            "blocked": _without_query(str(inner.get("blocked-uri") or "")),
            "page": _without_query(str(inner.get("document-uri") or "")),
        }
    except (DomainError, LookupError, TypeError, AttributeError, ValueError):
        return {"directive": "unreadable"}


def _without_query(address: str) -> str:
    parts = urlsplit(address[:300])
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.netloc else parts.path[:60]
