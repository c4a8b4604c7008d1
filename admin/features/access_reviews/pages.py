"""権限の棚卸し: the list with how far each tenant has come, and one review with its lines. The forms are derived."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from admin.core.guard import current_actor, requires
from admin.core.language import either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.features.access_reviews.entry_points import ENTRY_POINTS, present_text, rights_text
from admin.features.access_reviews.register import access_register_pdf
from admin.interface.command_forms import add_forms
from admin.interface.downloads import table_response
from admin.interface.labels import actor_label, label_of, role_label
from admin.interface.lists import query_enum
from admin.interface.pages import render_page, session
from admin.interface.paging import next_cursor, query_part
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.access_reviews import queries
from tenancy.access_reviews.states import LineFilter, ReviewState
from tenancy.people.queries import names_of_people

pages = add_forms(Blueprint("access_reviews", __name__, template_folder="templates"), ENTRY_POINTS)


@pages.get("/access-reviews")
@requires(Permission.ACCESS_REVIEW_READ)
def reviews() -> tuple[str, int]:
    """Every review with its progress, the newest day first; a municipality its own."""
    state = query_enum("state", ReviewState)
    every = queries.access_reviews(session(), clock.today())
    newest = max((one.as_of for one in every if one.state is not ReviewState.CANCELLED), default=None)
    # Of each tenant the last one of that day, which comes last here.
    of_newest = {one.tenant_id: one for one in reversed(every) if one.as_of == newest and one.cancelled_at is None}
    rows = query_part().page_of_all([one for one in every if state in (None, one.state)], lambda one: one.id)
    return render_page(
        "access_reviews/reviews",
        rows=rows.items,
        next_cursor=next_cursor(rows),
        newest=newest,
        signed=sum(one.state is ReviewState.SIGNED for one in of_newest.values()),
        total=len(of_newest),
        overdue=sum(one.is_overdue for one in every),
        unsigned=sum(one.state is ReviewState.OPEN for one in every),
        state=state,
        states=list(ReviewState),
        is_operator=current_actor().is_operator,
        tenant_id=current_actor().tenant_id,
        started=request.args.get("started", 0, type=int),
        reminded=request.args.get("reminded", 0, type=int),
        left_out=request.args.get("left_out", 0, type=int),
    )


@pages.get("/tenants/<uuid:tenant_id>/access-reviews/<uuid:review_id>")
@requires(Permission.ACCESS_REVIEW_READ)
def review(tenant_id: UUID, review_id: UUID) -> tuple[str, int]:
    """One review: its lines with what was decided, what changed since, and who came after its day."""
    found = queries.access_review(session(), tenant_id, review_id, clock.today())
    only = query_enum("only", LineFilter)
    every = queries.review_lines(session(), tenant_id, review_id, clock.now())
    shown = queries.lines_of(every, only)
    rows = query_part().page_of_all(shown, lambda one: one.id)
    is_open = found.state is ReviewState.OPEN
    accounts = {one.decided_by for one in rows.items} | {found.signed_by, found.started_by}
    return render_page(
        "access_reviews/review",
        review=found,
        rows=rows.items,
        total=len(shown),
        next_cursor=next_cursor(rows),
        rights_text=rights_text,
        present_text=present_text,
        changed=sum(one.has_changed for one in every) if is_open else 0,
        since=queries.came_since(session(), tenant_id, review_id, clock.now()) if is_open else [],
        who=_names(accounts),
        only=only,
        filters=list(LineFilter),
        is_open=is_open,
        done=request.args.get("done", ""),
    )


_FILE_HEADER: Final = (
    Label("団体", "tenant"),
    Label("基準日", "as of"),
    Label("種別", "kind"),
    Label("氏名・名称", "name"),
    Label("所属", "section"),
    Label("役割・許可する操作", "roles or scopes"),
    Label("最終ログイン・最終利用", "last used on"),
    Label("判断", "decision"),
    Label("終える役割", "roles to end"),
    Label("理由", "reason"),
    Label("判断した人", "decided by"),
    Label("判断した日時", "decided at"),
    Label("署名した人", "signed by"),
    Label("署名した日時", "signed at"),
)


@pages.get("/tenants/<uuid:tenant_id>/access-reviews/<uuid:review_id>/register.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.ACCESS_REVIEW_READ)
def register_file(tenant_id: UUID, review_id: UUID, file_kind: str) -> Response:
    """The register: every line that the list's filter lets through."""
    found = queries.access_review(session(), tenant_id, review_id, clock.today())
    lines = queries.review_lines(session(), tenant_id, review_id, clock.now(), only=query_enum("only", LineFilter))
    who = _names({one.decided_by for one in lines} | {found.signed_by})
    rows = (
        (
            found.name,
            found.as_of,
            label_of(one.kind, "line_kind"),
            one.name,
            one.section,
            rights_text(one.kind, one.rights),
            one.last_used_on,
            None if one.decision is None else label_of(one.decision, "review_line"),
            gettext(", ").join(map(role_label, one.ended_roles)),
            one.reason,
            who.get(one.decided_by or "", ""),
            one.decided_at,
            who.get(found.signed_by or "", ""),
            found.signed_at,
        )
        for one in lines
    )
    return table_response(file_kind, gettext("access_review"), [either(*label) for label in _FILE_HEADER], rows)


@pages.get("/tenants/<uuid:tenant_id>/access-reviews/<uuid:review_id>/register.pdf")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.ACCESS_REVIEW_READ)
def register_document(tenant_id: UUID, review_id: UUID) -> Response:
    """The register as a document; of a review that is not signed it says so."""
    return Response(
        access_register_pdf(session(), tenant_id, review_id),
        mimetype="application/pdf",
        headers={"Content-Disposition": f'inline; filename="access-review-{review_id}.pdf"'},
    )


def _names(accounts: set[str | None]) -> dict[str, str]:
    """Who these accounts are: by name where the reader may see it, else what kind of actor it was."""
    found = {account for account in accounts if account is not None}
    known = names_of_people(session(), found)
    return {
        account: known.get(account)
        or actor_label("system" if account.startswith(("cli:", "system:")) else "person", account)
        for account in found
    }
