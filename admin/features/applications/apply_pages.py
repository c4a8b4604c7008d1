"""The public pages of an application: begun by anybody, filled in and followed by whoever holds its link.

They need no account. What is done is done as `system:applicant`, or as the person who is signed in where one of the
operator's staff helps. A wrong link is a 404 like any other, and guessing is counted by address.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.csrf import csrf_by_origin
from admin.core.guard import actor_or_none, requires
from admin.core.language import current_language, gettext
from admin.core.rate_limits import RateLimit, caller_address, count_failure, limited
from admin.features.applications.form_template import form_workbook
from admin.features.applications.pages import file_response, grouped_facts
from admin.interface.command_forms import day_as_typed, read_form
from admin.interface.downloads import xlsx_response
from admin.interface.forms import Form
from admin.interface.pages import render_page, session, settings
from admin.workflows.application_links import is_link_secret, link_secret
from governance.actors import Actor, system_actor
from governance.agreements.queries import version
from governance.declaration import DeclaredField, build_command, declared_fields
from governance.kernel import clock
from governance.kernel.database import OPERATOR, tenant_scope
from governance.kernel.errors import Conflict, DomainError, NotFound, message
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.applications import queries
from tenancy.applications.attachments import ACCEPTED, MAX_FILES, MAX_SIZE, file_name, media_type_of
from tenancy.applications.commands import (
    AttachToApplication,
    BeginApplication,
    RemoveAttachment,
    SaveApplication,
    SubmitApplication,
    WithdrawApplication,
    attach_to_application,
    begin_application,
    remove_attachment,
    save_application,
    submit_application,
    withdraw_application,
)
from tenancy.applications.content import (
    FIELDS,
    GROUPS,
    ApplicationContent,
    label_of,
    missing_fields,
    read_content,
    required_fields,
)
from tenancy.applications.form_file import read_form_file
from tenancy.applications.models import ApplicationFacts
from tenancy.applications.states import EDITABLE_STATES, OPEN_STATES, ApplicantLanguage
from tenancy.tenants.facts import find_by_id
from tenancy.tenants.facts import operator_id as find_operator

pages = Blueprint("apply", __name__, template_folder="templates")

LINK_UNKNOWN = message(
    "application.link_unknown",
    ja="このリンクの申請は見つかりません。",
    en="There is no application with this link.",
    hint_ja="メールのリンクを全部そのまま開いているか確かめてください。再送されたときは、新しいリンクだけが使えます。",
    hint_en="Check that you opened the whole link of the mail. If it was sent again, only the newest one works.",
)
LINK_EXPIRED = message(
    "application.link_expired",
    ja="このリンクの有効期限が過ぎました。",
    en="This link has expired.",
    hint_ja="県の担当者に、リンクの再送を依頼してください。",
    hint_en="Ask the operator to send the link again.",
)
NOT_OPEN = message(
    "application.not_open",
    ja="いまは利用申請を受け付けていません。",
    en="Applications are not taken now.",
    hint_ja="県の担当者に問い合わせてください。",
    hint_en="Ask the operator.",
)

_BY_LINK: Final = "the secret of the link stands in the address: a site that could forge the form would have it"
_BY_ANYBODY: Final = "anybody may begin a draft, which belongs to whoever gets its link"
_PATH: Final = "/apply/<uuid:application_id>/<secret>"


@pages.route("/apply", methods=["GET", "POST"])
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
@csrf_by_origin(_BY_ANYBODY)
def begin() -> AnyResponse | tuple[str, int]:
    """What applying takes, and the form of a new draft; sending it leads to the draft."""
    with tenant_scope(OPERATOR):
        operator = _operator()
        if request.method == "GET":
            return _render_begin(Form.initial(name="", email="", language=current_language()))
        form = Form.from_request()
        command = read_form(form, BeginApplication)
        if command is None:
            return _render_begin(form)
        count_failure(RateLimit.APPLICATIONS_BEGUN, caller_address())
        with form.collect_errors():
            begun = begin_application(command, actor=_actor(operator), key=form.key)
            return redirect(_address("apply.status", begun.application_id, begun.link_number, done="begun"), 303)
        return _render_begin(form)


@pages.get(_PATH)
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
def status(application_id: UUID, secret: str) -> tuple[str, int]:
    """Where the application stands, whom it waits for, what it says, and what its applicant can do."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        joined = None if one.joined_tenant_id is None else find_by_id(session(), one.joined_tenant_id)
        return render_page(
            "applications/apply_status",
            application=one,
            secret=secret,
            groups=grouped_facts(one.content),
            missing=len(missing_fields(one.content)),
            is_editable=one.state in EDITABLE_STATES,
            is_open=one.state in OPEN_STATES,
            joined=joined,
            done=request.args.get("done", ""),
        )


@pages.route(f"{_PATH}/form", methods=["GET", "POST"])
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
@csrf_by_origin(_BY_LINK)
def fill_in(application_id: UUID, secret: str) -> AnyResponse | tuple[str, int]:
    """The form: saved as a draft, or saved and then reviewed."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        if one.state not in EDITABLE_STATES:
            return redirect(_address("apply.status", one.id, one.link_number), 303)
        if request.method == "GET":
            return _render_form(one, secret, _form_of(one))
        form = Form.from_request()
        command = read_form(form, SaveApplication, given={"application_id": application_id})
        if command is None:
            return _render_form(one, secret, form)
        try:
            save_application(command, actor=_actor(), key=f"{application_id}:{form.key}")
        except DomainError as refusal:
            form.add_error(refusal)
            # What was typed stays; sent once more, it replaces what somebody else saved meanwhile.
            form.values["version"] = str(queries.application(session(), application_id).version)
            return _render_form(one, secret, form)
        if form.step == "confirm":
            return redirect(_address("apply.submit", one.id, one.link_number), 303)
        return redirect(_address("apply.status", one.id, one.link_number, done="saved"), 303)


@pages.get(f"{_PATH}/form.xlsx")
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
def template(application_id: UUID, secret: str) -> Response:
    """The Excel form, filled in with what the application says."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        content = form_workbook(session(), one.content, current_language())
    return xlsx_response(content, gettext("application form"))


@pages.route(f"{_PATH}/excel", methods=["GET", "POST"])
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
@csrf_by_origin(_BY_LINK)
def excel(application_id: UUID, secret: str) -> AnyResponse | tuple[str, int]:
    """A filled Excel form: the verdict on each cell, and what is right as a form to be saved."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        if one.state not in EDITABLE_STATES:
            return redirect(_address("apply.status", one.id, one.link_number), 303)
        form = Form.initial(content="") if request.method == "GET" else Form.from_request()
        form.values.setdefault("content", "")
        form.labels["content"] = Label("ファイル", "File").text(current_language())
        read, filled = None, None
        if request.method == "POST":
            upload = request.files.get("content")
            with form.collect_errors():
                media_type_of(content := upload.read(MAX_SIZE + 1) if upload else b"", "form.xlsx")
                read = read_form_file(session(), content, clock.today())
                filled = _form_of(one, read_content(one.content.model_dump(mode="json") | dict(read.values)))
        return render_page(
            "applications/apply_excel",
            form=form,
            application=one,
            secret=secret,
            verdict=None if read is None else read.verdict,
            filled=filled,
        )


@pages.route(f"{_PATH}/files", methods=["GET", "POST"])
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
@csrf_by_origin(_BY_LINK)
def files(application_id: UUID, secret: str) -> AnyResponse | tuple[str, int]:
    """The files of an application; one is added at a time."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        if request.method == "GET":
            return _render_files(one, secret, Form.initial(content=""))
        form = Form.from_request()
        form.values.setdefault("content", "")
        upload = request.files.get("content")
        with form.collect_errors("name=content"):
            command = build_command(
                AttachToApplication,
                application_id=application_id,
                name=file_name(upload.filename or "") if upload else "file",
                content=upload.read(MAX_SIZE + 1) if upload else b"",
            )
            attach_to_application(command, actor=_actor(), key=f"{application_id}:{form.key}")
            return redirect(_address("apply.files", one.id, one.link_number, done="added"), 303)
        return _render_files(one, secret, form)


@pages.post(f"{_PATH}/remove/<uuid:attachment_id>")
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
@csrf_by_origin(_BY_LINK)
def remove_file(application_id: UUID, secret: str, attachment_id: UUID) -> AnyResponse | tuple[str, int]:
    """Delete a file from a draft."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        form = Form.from_request()
        with form.collect_errors():
            command = RemoveAttachment(application_id=application_id, attachment_id=attachment_id)
            remove_attachment(command, actor=_actor(), key=f"{application_id}:{form.key}")
            return redirect(_address("apply.files", one.id, one.link_number, done="removed"), 303)
        return _render_files(queries.application(session(), application_id), secret, form)


@pages.get(f"{_PATH}/attachments/<uuid:attachment_id>")
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
def attachment(application_id: UUID, secret: str, attachment_id: UUID) -> Response:
    """A file of this application, as a download."""
    with tenant_scope(OPERATOR):
        _by_link(application_id, secret)
        return file_response(queries.attachment_file(session(), application_id, attachment_id))


@pages.get(f"{_PATH}/terms/<uuid:version_id>")
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
def terms(application_id: UUID, secret: str, version_id: UUID) -> tuple[str, int]:
    """The text of an agreement that an applicant is to accept; 404 for one that is not asked for."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        if version_id not in queries.required_versions(session(), clock.today()):
            raise NotFound(LINK_UNKNOWN)
        return render_page(
            "applications/apply_terms", application=one, secret=secret, version=version(session(), version_id)
        )


@pages.route(f"{_PATH}/submit", methods=["GET", "POST"])
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
@csrf_by_origin(_BY_LINK)
def submit(application_id: UUID, secret: str) -> AnyResponse | tuple[str, int]:
    """All that will be handed in, what is missing, and the button that hands it in."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        if request.method == "GET":
            if one.state not in EDITABLE_STATES:
                return redirect(_address("apply.status", one.id, one.link_number), 303)
            return _render_submit(one, secret, Form.initial(version=one.version))
        form = Form.from_request()
        command = read_form(form, SubmitApplication, given={"application_id": application_id})
        if command is not None:
            with form.collect_errors():
                submit_application(command, actor=_actor(), key=f"{application_id}:{form.key}")
                return redirect(_address("apply.status", one.id, one.link_number, done="submitted"), 303)
        one = queries.application(session(), application_id)
        form.values["version"] = str(one.version)
        return _render_submit(one, secret, form)


@pages.route(f"{_PATH}/withdraw", methods=["GET", "POST"])
@limited(RateLimit.APPLY)
@requires(Permission.PUBLIC)
@csrf_by_origin(_BY_LINK)
def withdraw(application_id: UUID, secret: str) -> AnyResponse | tuple[str, int]:
    """Take the application back, with the reason."""
    with tenant_scope(OPERATOR):
        one = _by_link(application_id, secret)
        form = Form.initial(reason="") if request.method == "GET" else Form.from_request()
        if request.method == "POST":
            command = read_form(form, WithdrawApplication, given={"application_id": application_id})
            if command is not None:
                with form.collect_errors():
                    withdraw_application(command, actor=_actor(), key=f"{application_id}:{form.key}")
                    return redirect(_address("apply.status", one.id, one.link_number, done="withdrawn"), 303)
        return render_page(
            "applications/apply_withdraw",
            form=form,
            application=one,
            secret=secret,
            inputs=_inputs(WithdrawApplication, ("reason",)),
        )


# ---- below ----------------------------------------------------------------------------------------------------------


def _by_link(application_id: UUID, secret: str) -> ApplicationFacts:
    """The application that this is the link of. Raises NotFound for a wrong link and one that has run out."""
    try:
        one = queries.application(session(), application_id)
    except NotFound:
        one = None
    if one is None or not is_link_secret(secret, settings().session_secret, one.id, one.link_number):
        count_failure(RateLimit.REFUSED_LINKS, caller_address())
        raise NotFound(LINK_UNKNOWN)
    if one.link_expires_at <= clock.now():
        raise NotFound(LINK_EXPIRED)
    return one


def _operator() -> UUID:
    """The operator's id. Raises Conflict before there is one."""
    operator = find_operator(session())
    if operator is None:
        raise Conflict(NOT_OPEN)
    return operator


def _actor(operator: UUID | None = None) -> Actor:
    """Who acts: one of the operator's staff who is signed in and may, else the applicant."""
    person = actor_or_none()
    if person is not None and person.is_operator and person.may(Permission.APPLICATION_SAVE):
        return person
    return system_actor("applicant", operator or _operator())


def _address(endpoint: str, application_id: UUID, link_number: int, *, done: str | None = None) -> str:
    secret = link_secret(settings().session_secret, application_id, link_number)
    return url_for(endpoint, application_id=application_id, secret=secret, done=done)


Offered = list[tuple[DeclaredField, list[tuple[str, str]]]]


def _inputs(command_type: Any, names: tuple[str, ...]) -> Offered:
    """These fields of a command with the choices of each."""
    known = {one.name: one for one in declared_fields(command_type)}
    return [(known[name], list(known[name].options(session(), current_language()))) for name in names]


def _form_of(one: ApplicationFacts, content: ApplicationContent | None = None) -> Form:
    """The form with what the application says now, or with other content, as a person would have typed it."""
    values: dict[str, object] = {"version": one.version}
    for field in declared_fields(ApplicationContent):
        value = getattr(content or one.content, field.name)
        if isinstance(value, tuple):
            values[field.name] = ",".join(map(str, value))
        elif isinstance(value, bool):
            values[field.name] = "true" if value else "false"
        elif field.name == "first_day" and value is not None:
            values[field.name] = day_as_typed(value)
        else:
            values[field.name] = value
    return Form.initial(**values)


def _render_begin(form: Form) -> tuple[str, int]:
    return render_page(
        "applications/apply",
        form=form,
        inputs=_inputs(BeginApplication, ("name", "email", "language")),
        languages=list(ApplicantLanguage),
        parts=[title.text(current_language()) for title, _ in GROUPS],
    )


def _render_form(one: ApplicationFacts, secret: str, form: Form) -> tuple[str, int]:
    language = current_language()
    required = required_fields(one.content)
    return render_page(
        "applications/apply_form",
        form=form,
        application=one,
        secret=secret,
        groups=[(title.text(language), _inputs(SaveApplication, names)) for title, names in GROUPS],
        required=required,
    )


def _render_files(one: ApplicationFacts, secret: str, form: Form) -> tuple[str, int]:
    form.labels["content"] = Label("ファイル", "File").text(current_language())
    return render_page(
        "applications/apply_files",
        form=form,
        application=one,
        secret=secret,
        is_editable=one.state in EDITABLE_STATES,
        accepted=ACCEPTED,
        most=MAX_FILES,
        size=MAX_SIZE // 1024 // 1024,
        done=request.args.get("done", ""),
    )


def _render_submit(one: ApplicationFacts, secret: str, form: Form) -> tuple[str, int]:
    form.labels |= {name: label_of(name).text(current_language()) for name in FIELDS}
    return render_page(
        "applications/apply_submit",
        form=form,
        application=one,
        secret=secret,
        groups=grouped_facts(one.content),
        missing=[(name, label_of(name).text(current_language())) for name in missing_fields(one.content)],
    )
