"""Applications over the API and the command line: the list, one of them, what it is screened by, a file of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from admin.features.applications.entry_points import ENTRY_POINTS
from admin.interface.api_requests import PageQuery
from admin.interface.api_routes import ApiRoutes, Tag
from admin.interface.queries import cli_query
from governance.declaration import Input
from governance.kernel import clock
from governance.kernel.database import db
from governance.kernel.field_type import Control
from governance.permissions import Permission
from tenancy.applications import queries
from tenancy.applications.commands import attach_to_application, import_application_form, save_application
from tenancy.applications.models import ApplicationFacts, ApplicationSummary, ScreeningView
from tenancy.applications.queries import AttachmentFile
from tenancy.applications.states import ApplicationState

routes = ApiRoutes(Tag.APPLICATIONS, ENTRY_POINTS)


class ApplicationsQuery(PageQuery):
    """Which applications; all that were submitted without a state."""

    state: Annotated[ApplicationState, Input("状態", "State")] | None = None
    drafts: Annotated[bool, Input("下書きも", "Drafts too", control=Control.YES_NO)] = False


def _line(one: ApplicationSummary) -> str:
    return f"{one.number:>4}  {one.id}  {one.state:<10}  {one.awaited:<10}  {one.code or '------'}  {one.name or ''}"


@routes.list("/applications", Permission.APPLICATION_READ, "ApplicationPage")
@cli_query("application list", "利用申請の一覧", "applications", _line)
def list_applications(query: ApplicationsQuery) -> Sequence[ApplicationSummary]:
    """List the applications, newest first; drafts only where they are asked for."""
    return queries.applications(db.session(), state=query.state, includes_drafts=query.drafts)


@routes.query("/applications/<application>", Permission.APPLICATION_READ, etag="version")
@cli_query("application show", "利用申請を見る", line=_line)
def get_application(application: UUID) -> ApplicationFacts:
    """Show one application with what it says, its files and what was decided, under its ETag."""
    return queries.application(db.session(), application)


@routes.query("/applications/<application>/screening", Permission.APPLICATION_READ)
@cli_query(
    "application screening",
    "利用申請の審査を見る",
    line=lambda one: "\n".join(f"{check.result:<14}  {check.name}  {check.note_en}" for check in one.checks),
)
def get_application_screening(application: UUID) -> ScreeningView:
    """Show what an application is screened by: the checks as of today, and what was stated in this round."""
    return queries.screening_view(db.session(), application, clock.today())


@routes.query("/applications/<application>/attachments/<attachment>", Permission.APPLICATION_READ, ja="添付を取り出す")
def get_application_attachment(application: UUID, attachment: UUID) -> AttachmentFile:
    """Show one file of an application, its content as base64."""
    return queries.attachment_file(db.session(), application, attachment)


routes.command_route(
    "PUT",
    "/applications/<application>",
    save_application,
    {"application": "application_id"},
    version=True,
    label_ja="利用申請を保存する",
)
routes.command_route(
    "POST",
    "/applications/<application>/form",
    import_application_form,
    {"application": "application_id"},
    version=True,
    label_ja="記入済みの様式を取り込む",
)
routes.command_route(
    "POST",
    "/applications/<application>/attachments",
    attach_to_application,
    {"application": "application_id"},
    label_ja="利用申請にファイルを添付する",
)
