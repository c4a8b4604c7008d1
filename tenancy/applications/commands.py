"""What an applicant does: begin a draft, save it, attach files, submit it, withdraw it; and its link, sent again.

The public page acts as `system:applicant` for whoever holds the link; the operator's staff may do the same for an
application that came on paper.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from sqlalchemy import delete, func, select

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input, InvalidCommand
from governance.events import Event
from governance.file_imports import BASE64, ImportRefused
from governance.kernel.errors import Conflict, Invalid, require_found
from governance.kernel.field_types import Count, Id, MailAddress, PlainLine, ReasonLine
from governance.kernel.ids import new_id
from governance.kernel.labels import Label
from governance.kernel.locks import advisory_lock
from governance.permissions import Permission
from tenancy.applications.attachments import MAX_FILES, TOO_MANY_FILES, file_name, media_type_of
from tenancy.applications.content import FIELDS, MISSING, ApplicationContent, missing_fields, read_content
from tenancy.applications.form_file import read_form_file
from tenancy.applications.queries import next_number
from tenancy.applications.rows import LINK_LIFETIME, lock_application, mail_applicant, touch
from tenancy.applications.states import (
    EDITABLE_STATES,
    OPEN_STATES,
    ApplicantLanguage,
    ApplicationState,
    MailOccasion,
)
from tenancy.applications.tables import Application, ApplicationAttachment, ApplicationSubmission

_APPLICATION: Final = Input("利用申請", "Application")
_VERSION: Final = Input("版", "Version")


class BeginApplication(Command):
    """A draft, and where its link is mailed to."""

    name: Annotated[PlainLine, Input("団体の名称", "Name of the body")]
    email: Annotated[
        MailAddress,
        Input(
            "メールアドレス",
            "Email address",
            Label("申請のページへのリンクを送ります", "The link to the application is sent there."),
        ),
    ]
    language: Annotated[ApplicantLanguage, Input("メールの言語", "Language of the mails")] = ApplicantLanguage.JAPANESE


class ApplicationBegun(Result):
    """The draft with its number; `link_number` is that of its link, 1."""

    application_id: UUID
    number: int
    link_number: int


class SaveApplication(ApplicationContent):
    """All that an application says, in place of what it said; `version` is the application's when it was read."""

    application_id: Annotated[Id, _APPLICATION]
    version: Annotated[Count, _VERSION]


class ApplicationSaved(Result):
    """The new version, and the fields that are still to be filled in."""

    version: int
    missing: tuple[str, ...]


class ImportApplicationForm(Command):
    """A filled Excel form, as base64; its empty cells leave what the application says at `version` as it is."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    application_id: Annotated[Id, _APPLICATION]
    version: Annotated[Count, _VERSION]
    content: Annotated[bytes, Field(max_length=8_000_000, json_schema_extra={"format": "byte", "pattern": BASE64})]


class AttachToApplication(Command):
    """A file to add to an application, its content as base64."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    application_id: Annotated[Id, _APPLICATION]
    name: Annotated[PlainLine, Input("ファイル名", "File name")]
    content: Annotated[bytes, Field(max_length=8_000_000, json_schema_extra={"format": "byte", "pattern": BASE64})]


class FileAttached(Result):
    attachment_id: UUID
    media_type: str
    sha256: str


class RemoveAttachment(Command):
    """A file to delete from a draft."""

    application_id: Annotated[Id, _APPLICATION]
    attachment_id: Annotated[Id, Input("添付", "Attachment")]


class AttachmentRemoved(Result):
    attachment_id: UUID


class SubmitApplication(Command):
    """An application to be screened, as it is at `version` where that is given."""

    application_id: Annotated[Id, _APPLICATION]
    version: Annotated[Count | None, _VERSION] = None


class ApplicationSubmitted(Result):
    """The application's number, and which submission of it this was."""

    number: int
    round: int


class WithdrawApplication(Command):
    """An application that its applicant takes back, and why."""

    application_id: Annotated[Id, _APPLICATION]
    reason: Annotated[ReasonLine, Input("理由", "Reason")]


class ApplicationWithdrawn(Result):
    application_id: UUID


class ResendApplicationLink(Command):
    """A new link to an application; the one before ends. `email` replaces the address it goes to."""

    application_id: Annotated[Id, _APPLICATION]
    email: Annotated[
        MailAddress | None,
        Input("送り先", "Address", Label("空なら、申請に使われたアドレス", "The applicant's, if empty.")),
    ] = None


class ApplicationLinkResent(Result):
    application_id: UUID
    link_number: int


@handles(Permission.APPLICATION_BEGIN, Event.APPLICATION_BEGUN)
def begin_application(ctx: CommandContext, command: BeginApplication) -> ApplicationBegun:
    """Begin a draft; its link is mailed."""
    advisory_lock(ctx.session, "applications")
    content = ApplicationContent(name=command.name, contact_email=command.email)
    row = Application(
        id=new_id(),
        tenant_id=ctx.actor.tenant_id,
        number=next_number(ctx.session),
        state=ApplicationState.DRAFT.value,
        language=command.language.value,
        email=command.email,
        content=content.model_dump(mode="json"),
        version=1,
        round=0,
        link_number=1,
        link_expires_at=ctx.now + LINK_LIFETIME,
        begun_by=ctx.actor.id,
        begun_at=ctx.now,
        changed_at=ctx.now,
    )
    ctx.session.add(row)
    ctx.session.flush()
    mail_applicant(ctx, row, MailOccasion.BEGUN)
    ctx.audit(subject=row.id, number=row.number, name=command.name)
    return ApplicationBegun(application_id=row.id, number=row.number, link_number=row.link_number)


@handles(Permission.APPLICATION_SAVE, Event.APPLICATION_SAVED, edits="application {application_id}")
def save_application(ctx: CommandContext, command: SaveApplication) -> ApplicationSaved:
    """Replace what a draft, or one that was sent back, says. It may lack anything.

    Raises NotFound, Conflict in another state, Stale when somebody saved it meanwhile.
    """
    row = lock_application(ctx, command.application_id, EDITABLE_STATES, version=command.version)
    return _save(ctx, row, command.model_dump(mode="json", include=set(FIELDS)))


@handles(Permission.APPLICATION_SAVE, Event.APPLICATION_SAVED, edits="application {application_id}")
def import_application_form(ctx: CommandContext, command: ImportApplicationForm) -> ApplicationSaved:
    """Save what a filled Excel form says, all of it or nothing.

    Raises NotFound, Conflict in another state, Stale when somebody saved it meanwhile, and ImportRefused with a verdict
    for each cell.
    """
    row = lock_application(ctx, command.application_id, EDITABLE_STATES, version=command.version)
    read = read_form_file(ctx.session, command.content, ctx.today)
    if read.refusals:
        raise ImportRefused(read.verdict, read.refusals)
    present = read_content(row.content).model_dump(mode="json")
    return _save(ctx, row, present | dict(read.values), file_sha256=read.verdict.sha256)


def _save(ctx: CommandContext, row: Application, wanted: dict[str, Any], **facts: Any) -> ApplicationSaved:
    """Replace what the application says with these JSON values."""
    changed = sorted(name for name in FIELDS if wanted[name] != row.content.get(name))
    missing = tuple(missing_fields(read_content(wanted)))
    if not changed:
        ctx.mark_noop()
        return ApplicationSaved(version=row.version, missing=missing)
    row.content = wanted
    touch(row, ctx.now)
    # What it says are people's names and addresses: the audit log has the names of the fields.
    ctx.audit(subject=row.id, number=row.number, fields=changed, **facts)
    return ApplicationSaved(version=row.version, missing=missing)


@handles(Permission.APPLICATION_ATTACH, Event.APPLICATION_FILE_ATTACHED, edits="application {application_id}")
def attach_to_application(ctx: CommandContext, command: AttachToApplication) -> FileAttached:
    """Add a file to a draft, or to one that was sent back.

    Raises NotFound, Conflict in another state and above MAX_FILES, Invalid for a file that is not taken.
    """
    row = lock_application(ctx, command.application_id, EDITABLE_STATES)
    name = file_name(command.name)
    media_type = media_type_of(command.content, name)
    of_application = ApplicationAttachment.application_id == row.id
    if (ctx.session.scalar(select(func.count()).where(of_application)) or 0) >= MAX_FILES:
        raise Conflict(TOO_MANY_FILES, field="content", most=MAX_FILES)
    sha256 = hashlib.sha256(command.content).hexdigest()
    one = ApplicationAttachment(
        id=new_id(),
        tenant_id=row.tenant_id,
        application_id=row.id,
        name=name,
        media_type=media_type,
        size=len(command.content),
        sha256=sha256,
        content=command.content,
        added_at=ctx.now,
    )
    ctx.session.add(one)
    touch(row, ctx.now)
    ctx.audit(subject=row.id, number=row.number, attachment=str(one.id), sha256=sha256)
    return FileAttached(attachment_id=one.id, media_type=media_type, sha256=sha256)


@handles(Permission.APPLICATION_ATTACH, Event.APPLICATION_FILE_REMOVED, edits="application {application_id}")
def remove_attachment(ctx: CommandContext, command: RemoveAttachment) -> AttachmentRemoved:
    """Delete a file from a draft, or from one that was sent back. Raises NotFound, Conflict in another state."""
    row = lock_application(ctx, command.application_id, EDITABLE_STATES)
    found = ctx.session.execute(
        delete(ApplicationAttachment)
        .where(ApplicationAttachment.application_id == row.id, ApplicationAttachment.id == command.attachment_id)
        .returning(ApplicationAttachment.sha256)
    ).first()
    sha256 = require_found(
        found, what=Label("添付", "attachment"), given=command.attachment_id, field="attachment_id"
    ).sha256
    touch(row, ctx.now)
    ctx.audit(subject=row.id, number=row.number, attachment=str(command.attachment_id), sha256=sha256)
    return AttachmentRemoved(attachment_id=command.attachment_id)


@handles(Permission.APPLICATION_SUBMIT, Event.APPLICATION_SUBMITTED, edits="application {application_id}")
def submit_application(ctx: CommandContext, command: SubmitApplication) -> ApplicationSubmitted:
    """Hand a whole application in, to be screened; a copy of it stays as it was handed in.

    Raises NotFound, Conflict in another state, Stale when it was saved meanwhile, and an error for each field missing.
    """
    row = lock_application(ctx, command.application_id, EDITABLE_STATES, version=command.version)
    if missing := missing_fields(read_content(row.content)):
        raise InvalidCommand([Invalid(MISSING, field=name) for name in missing])
    row.round += 1
    row.state = ApplicationState.SUBMITTED.value
    row.submitted_at = ctx.now
    touch(row, ctx.now)
    ctx.session.add(
        ApplicationSubmission(
            id=new_id(),
            tenant_id=row.tenant_id,
            application_id=row.id,
            round=row.round,
            content=row.content,
            submitted_at=ctx.now,
        )
    )
    mail_applicant(ctx, row, MailOccasion.SUBMITTED)
    ctx.audit(subject=row.id, number=row.number, name=row.content["name"], round=row.round)
    return ApplicationSubmitted(number=row.number, round=row.round)


@handles(Permission.APPLICATION_WITHDRAW, Event.APPLICATION_WITHDRAWN, edits="application {application_id}")
def withdraw_application(ctx: CommandContext, command: WithdrawApplication) -> ApplicationWithdrawn:
    """Take an application back; it stays on record. Raises NotFound, Conflict for one that is over."""
    row = lock_application(ctx, command.application_id, OPEN_STATES)
    row.state = ApplicationState.WITHDRAWN.value
    touch(row, ctx.now)
    mail_applicant(ctx, row, MailOccasion.WITHDRAWN)
    ctx.audit(subject=row.id, number=row.number, reason=command.reason)
    return ApplicationWithdrawn(application_id=row.id)


@handles(Permission.APPLICATION_RESEND_LINK, Event.APPLICATION_LINK_RESENT, edits="application {application_id}")
def resend_application_link(ctx: CommandContext, command: ResendApplicationLink) -> ApplicationLinkResent:
    """Mail a new link and end the one before, also where that had run out. Raises NotFound."""
    row = lock_application(ctx, command.application_id, tuple(ApplicationState))
    row.email = command.email or row.email
    row.link_number += 1
    row.link_expires_at = ctx.now + LINK_LIFETIME
    mail_applicant(ctx, row, MailOccasion.LINK)
    ctx.audit(subject=row.id, number=row.number, link_number=row.link_number)
    return ApplicationLinkResent(application_id=row.id, link_number=row.link_number)
