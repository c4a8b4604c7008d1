"""Access reviews over the API, and the declarations of their commands at the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from flask import Response

from admin.core.rate_limits import RateLimit
from admin.features.access_reviews.entry_points import ENTRY_POINTS
from admin.features.access_reviews.register import access_register_pdf
from admin.interface.api_requests import IdParam, PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.permissions import Permission
from tenancy.access_reviews import queries
from tenancy.access_reviews.models import AccessReviewFacts, AccessReviewLineFacts, AccessSince
from tenancy.access_reviews.states import LineFilter, ReviewState

routes = ApiRoutes(Tag.PEOPLE, ENTRY_POINTS)


class AccessReviewsQuery(PageQuery):
    """Which reviews; each filter narrows."""

    state: Annotated[ReviewState, Input("状態", "State")] | None = None
    tenant_id: Annotated[IdParam, Input("団体", "Tenant", option="tenant-id")] | None = None


class LinesQuery(PageQuery):
    """Which lines."""

    only: Annotated[LineFilter, Input("絞り込み", "Only")] | None = None


def _review_line(row: AccessReviewFacts) -> str:
    decided = f"{row.decided}/{row.lines}"
    return f"{row.id}  {row.tenant_id}  {row.as_of}  {row.due_on}  {row.state}  {decided}  {row.name}"


@routes.list("/access-reviews", Permission.ACCESS_REVIEW_READ, "AccessReviewPage")
@cli_query("access-review list", "権限の棚卸しの一覧", "reviews", _review_line)
def list_access_reviews(query: AccessReviewsQuery) -> Sequence[AccessReviewFacts]:
    """List the access reviews with how far each has come, the newest day first; a municipality its own."""
    return queries.access_reviews(db.session(), clock.today(), state=query.state, tenant_id=query.tenant_id)


@routes.query("/tenants/<tenant>/access-reviews/<review>", Permission.ACCESS_REVIEW_READ)
@cli_query("access-review show", "権限の棚卸しを1つ見る")
def get_access_review(tenant: UUID, review: UUID) -> AccessReviewFacts:
    """Show one access review: its days, how many lines are decided, and who signed."""
    return queries.access_review(db.session(), tenant, review, clock.today())


def _line(row: AccessReviewLineFacts) -> str:
    last = "-" if row.last_used_on is None else row.last_used_on.isoformat()
    decision = "-" if row.decision is None else row.decision.value
    return f"{row.id}  {row.kind:<6}  {decision:<9}  {last:<10}  {row.name}  {' '.join(row.rights)}".rstrip()


@routes.list("/tenants/<tenant>/access-reviews/<review>/lines", Permission.ACCESS_REVIEW_READ, "AccessReviewLinePage")
@cli_query("access-review lines", "権限の棚卸しの行の一覧", "lines", _line, repeats=["code"])
def list_access_review_lines(tenant: UUID, review: UUID, query: LinesQuery) -> Sequence[AccessReviewLineFacts]:
    """List the lines of an access review, people before service clients, with what was decided and what changed."""
    get_access_review(tenant, review)
    return queries.review_lines(db.session(), tenant, review, clock.now(), only=query.only)


@routes.list("/tenants/<tenant>/access-reviews/<review>/newcomers", Permission.ACCESS_REVIEW_READ, "AccessSincePage")
@cli_query("access-review newcomers", "基準日より後に加わった人", "newcomers", "kind id name", repeats=["code"])
def list_access_since(tenant: UUID, review: UUID) -> Sequence[AccessSince]:
    """List who has access now and is not on the list of an access review, having come after its day."""
    get_access_review(tenant, review)
    return queries.came_since(db.session(), tenant, review, clock.now())


@routes.query(
    "/tenants/<tenant>/access-reviews/<review>/register",
    Permission.ACCESS_REVIEW_READ,
    content=("application/pdf",),
    limit=RateLimit.DOWNLOAD,
    ja="権限の棚卸しの台帳の PDF を取得する",
)
def get_access_register(tenant: UUID, review: UUID) -> Response:
    """Answer the register of an access review as a document; of one that is not signed, marked so."""
    answered = Response(access_register_pdf(db.session(), tenant, review), content_type="application/pdf")
    answered.headers["Content-Disposition"] = f'attachment; filename="access-review-{review}.pdf"'
    return answered
