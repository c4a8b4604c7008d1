"""Forms of commands, derived from their entry points: 入力 → 確認 → 完了 on one address.

The form asks for the fields a person enters; what was typed is read by the fields' types, all errors in one round,
each at its field. The confirm page shows the canonical reading and what the entry point adds, and is bound to a digest
of both: where a figure moved meanwhile, it is shown again instead of carried out. A second click is the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import current_language
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress
from admin.interface.forms import MAX_LENGTH, NOT_OFFERED, Form
from admin.interface.pages import render_page, session, settings
from governance.commands import Command
from governance.declaration import INVALID_FIELD, DeclaredField, InvalidCommand, declared_fields, read_command
from governance.kernel.digest import digest_of
from governance.kernel.errors import DomainError, Invalid, Language
from governance.kernel.field_type import Control

MAX_FILE_LENGTH: Final = 1_000_000
SHOWN_DIGEST: Final = "shown_digest"

CommandT = TypeVar("CommandT", bound=Command)


def add_forms(blueprint: Blueprint, entry_points: Iterable[EntryPoint]) -> Blueprint:
    """Give a blueprint the form of each entry point that has a page. Returns the same blueprint."""
    for entry_point in entry_points:
        if entry_point.page is not None:
            blueprint.add_url_rule(
                entry_point.page.rule,
                endpoint=entry_point.page.endpoint,
                view_func=_form_view(entry_point, entry_point.page),
                methods=["GET", "POST"],
            )
    return blueprint


def read_form(
    form: Form,
    command_type: type[CommandT],
    *,
    given: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    spell: Callable[[str], str] = lambda field: field,
) -> CommandT | None:
    """The command that a hand-written form holds, read by the fields' types; None where `form` now has errors.

    `given` are fields that the address fills, `values` the JSON values of fields that the page reads in its own way,
    and `spell` gives the form's field for the path of an error in them.
    """
    values = values or {}
    filled = {*(given or {}), *values}
    fields = [one for one in declared_fields(command_type) if one.name not in filled]
    try:
        return read_command(command_type, {**_texts(form, fields), **values}, typed=True, given=given)
    except InvalidCommand as invalid:
        for error in invalid.errors:
            field = spell(error.field or "")
            # What the page refused while it read its own fields is not refused twice.
            if field not in {known.name for known in form.errors}:
                form.add_error(_worded(error, declared_fields(command_type)).at(field))
        return None


def _form_view(entry_point: EntryPoint, page: PageAddress) -> Any:
    @requires(entry_point.handler.permission)
    def view(**given: Any) -> AnyResponse | tuple[str, int]:
        # Outside the form's own errors: an address about what is not there is a 404, whatever was typed.
        about = page.about(session(), given, current_language()) if page.about else FormContext()
        fields = entry_point.fields(without=tuple(given))
        if request.method == "GET":
            return _render_form(entry_point, page, fields, given, about, _initial(page, fields, given))
        form = Form.from_request()
        texts = _texts(form, fields)
        if form.step == "enter":
            return _render_form(entry_point, page, fields, given, about, form)
        try:
            filled = entry_point.fill(settings())
            command = read_command(entry_point.command_type, texts, typed=True, given={**given, **filled})
            if (not_offered := _not_offered(fields, texts)) and not _is_done(entry_point, command, form):
                raise InvalidCommand(not_offered)
            if not form.is_final:
                return _render_review(entry_point, page, fields, command, about, form)
            if _has_changed(entry_point, page, command, form):
                return _render_review(entry_point, page, fields, command, about, form, has_changed=True)
            result = entry_point.handler(command, actor=current_actor(), key=form.key)
        except DomainError as refusal:
            for error in refusal.errors if isinstance(refusal, InvalidCommand) else (refusal,):
                form.add_error(_worded(error, fields))
            return _render_form(entry_point, page, fields, given, about, form)
        return redirect(page.then(command, result), 303)

    view.__name__ = page.endpoint
    view.__doc__ = entry_point.handler.__doc__
    return view


def _initial(page: PageAddress, fields: Iterable[DeclaredField], given: Mapping[str, Any]) -> Form:
    """What the form proposes: what the page knows, else the address's query, the field's own proposal, its default."""
    known = page.start(session(), given) if page.start else {}
    values = {one.name: _proposed(one, known) for one in fields}
    return Form.initial(**values)


def _proposed(one: DeclaredField, known: Mapping[str, object]) -> object:
    if one.name in known:
        return known[one.name]
    if one.name in request.args:
        return request.args[one.name][:MAX_LENGTH]
    if one.input.start is not None:
        return one.input.start()
    if one.info.is_required():
        return ""
    default = one.info.get_default(call_default_factory=True, validated_data={})
    return ",".join(map(str, default)) if isinstance(default, tuple) else default


def _texts(form: Form, fields: Iterable[DeclaredField]) -> dict[str, Any]:
    """The texts of a form by field. An empty field is null where null is allowed, and absent otherwise."""
    texts: dict[str, Any] = {}
    for one in fields:
        if one.is_list:
            chosen = [text for text in request.form.getlist(one.name) if text]
            form.values[one.name] = ",".join(chosen)
            texts[one.name] = chosen
            continue
        if one.control is Control.FILE and (upload := request.files.get(one.name)):
            form.values[one.name] = upload.read(MAX_FILE_LENGTH).decode("utf-8-sig", errors="replace")
        form.values.setdefault(one.name, "")
        text = form.text(one.name)
        if text.strip():
            texts[one.name] = text
        elif one.is_optional:
            texts[one.name] = None
    return texts


def _render_form(
    entry_point: EntryPoint,
    page: PageAddress,
    fields: list[DeclaredField],
    given: Mapping[str, Any],
    about: FormContext,
    form: Form,
) -> tuple[str, int]:
    language = current_language()
    return render_page(
        "interface/command_form",
        form=form,
        title=entry_point.label.text(language),
        intro=page.intro.text(language),
        back=_back(page, given, language),
        about=about,
        inputs=[(one, one.options(session(), language)) for one in fields],
        button=entry_point.button.text(language),
        page=page,
    )


def _render_review(
    entry_point: EntryPoint,
    page: PageAddress,
    fields: list[DeclaredField],
    command: Command,
    about: FormContext,
    form: Form,
    *,
    has_changed: bool = False,
) -> tuple[str, int]:
    language = current_language()
    more = page.consequences(session(), command, language) if page.consequences else FormContext()
    form.values[SHOWN_DIGEST] = _digest(page, command)
    entered = [
        Fact(one.input.label.text(language), one.show(getattr(command, one.name), language, session()))
        for one in fields
    ]
    return render_page(
        "interface/command_review",
        form=form,
        title=entry_point.label.text(language),
        intro=page.review_intro.text(language),
        facts=[*about.facts, *entered, *more.facts],
        warnings=[*about.warnings, *more.warnings],
        button=entry_point.button.text(language),
        page=page,
        has_changed=has_changed,
    )


def _back(page: PageAddress, given: Mapping[str, Any], language: Language) -> tuple[str, str] | None:
    if page.back is None:
        return None
    label, address = page.back(given)
    return label.text(language), address


def _has_changed(entry_point: EntryPoint, page: PageAddress, command: Command, form: Form) -> bool:
    """Whether what was confirmed is no longer what would be done. What was done with this key already stays done."""
    shown = form.values.pop(SHOWN_DIGEST, "")
    return bool(shown) and shown != _digest(page, command) and not _is_done(entry_point, command, form)


def _is_done(entry_point: EntryPoint, command: Command, form: Form) -> bool:
    """Whether this form was carried out before: the second of two clicks."""
    return entry_point.handler.previous_result(command, actor=current_actor(), key=form.key) is not None


def _not_offered(fields: Iterable[DeclaredField], texts: Mapping[str, Any]) -> list[Invalid]:
    """A choice that is not among those this actor has. The command would refuse it, too, without naming the choice."""
    refused = []
    for one in fields:
        if one.input.choices is not None and (given := texts.get(one.name)):
            offered = {value for value, _ in one.options(session(), current_language())}
            if not offered.issuperset(given if one.is_list else [given]):
                refused.append(Invalid(NOT_OFFERED, field=one.name))
    return refused


def _worded(error: DomainError, fields: Iterable[DeclaredField]) -> DomainError:
    """An error of pydantic's names the field as the form does: by its label."""
    labels = {one.name: one.input.label.text(current_language()) for one in fields}
    if error.message is not INVALID_FIELD or error.field not in labels:
        return error
    return Invalid(INVALID_FIELD, field=error.field, **{**error.facts, "place": labels[error.field]})


def _digest(page: PageAddress, command: Command) -> str:
    """The digest of the command and of the figures shown with it, in one language so that both agree."""
    more = page.consequences(session(), command, "en") if page.consequences else FormContext()
    shown = [list(one) for one in more.facts], list(more.warnings)
    return digest_of({"command": command.model_dump(mode="json"), "shown": shown})
