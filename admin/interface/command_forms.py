"""Forms of commands, derived from their entry points: 入力 → 確認 → 完了 on one address.

The form asks for the fields a person enters; what was typed is read by the fields' types, all errors in one round,
each at its field. The confirm page shows the canonical reading and what the entry point adds, and is bound to a digest
of both: where a figure moved meanwhile, it is shown again instead of carried out. A second click is the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final, TypeVar

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from admin.core.guard import current_actor, requires
from admin.core.language import current_language, gettext, ngettext
from admin.interface.command_review import if_approved_today
from admin.interface.entry_points import EntryPoint, Fact, FormContext, PageAddress
from admin.interface.formats import lines_of_text
from admin.interface.forms import MAX_LENGTH, NOT_OFFERED, Form, new_name
from admin.interface.kept_forms import restored_form
from admin.interface.lists import current_fiscal_year, year_options
from admin.interface.pages import render_page, session
from governance.commands import ApprovalRequested, Command
from governance.declaration import INVALID_FIELD, DeclaredField, InvalidCommand, declared_fields, read_command
from governance.kernel.digest import digest_of
from governance.kernel.era import show_day
from governance.kernel.errors import DomainError, Invalid, Language, Stale
from governance.kernel.field_type import Control
from governance.kernel.field_types import FISCAL_YEAR, LAST_DAY, SLUG, last_day
from tenancy.tenants.cohorts import COHORT_NAME

MAX_NAMED: Final = 10
"""How many of the chosen a review names in one fact."""

MAX_FILE_LENGTH: Final = 1_000_000
SHOWN_DIGEST: Final = "shown_digest"
CODE_TYPED: Final = "code_typed"

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
    form.labels |= _labels(declared_fields(command_type))
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
        asked = _Asked(entry_point, page, given)
        if request.method == "GET":
            return asked.render_form(restored_form() or asked.initial())
        form = Form.from_request()
        form.labels |= _labels(asked.fields)
        texts = _texts(form, [*asked.fields, *asked.kept, *asked.named])
        if form.step == "enter":
            return asked.render_form(form)
        try:
            command = read_command(entry_point.command_type, texts, typed=True, given=given)
            if (not_offered := asked.not_offered(texts)) and not _is_done(entry_point, command, form):
                raise InvalidCommand(not_offered)
            if not form.is_final:
                if page.is_tried and not _is_done(entry_point, command, form):
                    entry_point.handler.try_out(command, actor=entry_point.actor_of(current_actor(), command))
                return asked.render_review(form, command)
            if _has_changed(entry_point, page, command, form):
                return asked.render_review(form, command, has_changed=True)
            if not asked.is_confirmed(form, command):
                return asked.render_review(form, command)
            actor = entry_point.actor_of(current_actor(), command)
            result = entry_point.handler(command, actor=actor, key=form.key)
        except DomainError as refusal:
            for error in refusal.errors if isinstance(refusal, InvalidCommand) else (refusal,):
                form.add_error(_worded(error, asked.fields))
            return asked.render_form(form, is_stale=isinstance(refusal, Stale))
        if isinstance(result, ApprovalRequested):
            return to_approval(result)
        return redirect(page.then(command, result), 303)

    view.__name__ = page.endpoint
    view.__doc__ = entry_point.handler.__doc__
    return view


def to_approval(requested: ApprovalRequested) -> AnyResponse:
    """Where a form leads whose command waits for a second person: to the request."""
    return redirect(url_for("approvals.approval", approval_id=requested.approval_id, done="requested"), 303)


class _Asked:
    """What one request's form asks for: the fields a person enters, those it keeps hidden, and what is shown beside."""

    def __init__(self, entry_point: EntryPoint, page: PageAddress, given: Mapping[str, Any]) -> None:
        self.entry_point, self.page, self.given = entry_point, page, given
        self.language = current_language()
        self.about = page.about(session(), given, self.language) if page.about else FormContext()
        self.record = self._present_record()
        left_out = page.left_out(session(), given) if page.left_out else ()
        asked = entry_point.fields(without=(*given, *left_out))
        self.named = [one for one in asked if is_name_for_programs(one) and one.name not in page.choices]
        """Names for programs, which the form makes and keeps hidden."""
        self.fields = [one for one in asked if one not in self.named]
        self.kept = [
            one
            for one in declared_fields(entry_point.command_type)
            if one.name in self.record and one.name in entry_point.hidden
        ]

    def _present_record(self) -> Mapping[str, object]:
        return self.entry_point.record(session(), self.given) if self.entry_point.record else {}

    def initial(self) -> Form:
        """What is proposed: what the page knows, else the address's query, the field's own proposal, its default."""
        known = dict(self.record) | dict(self.page.start(session(), self.given) if self.page.start else {})
        fields = [*self.fields, *self.kept]
        made = {one.name: _proposed(one, known) or new_name() for one in self.named}
        values = {one.name: _as_typed(one, _proposed(one, known), self.language) for one in fields}
        return Form.initial(**values, **made)

    def options(self, one: DeclaredField) -> Sequence[tuple[str, str]]:
        """Value and wording of each choice that this actor has for the field."""
        if one.name in self.page.choices:
            return self.page.choices[one.name](session(), self.given, self.language)
        if one.field_type.name == FISCAL_YEAR.name:
            return year_options(self.language)
        return one.options(session(), self.language)

    def _has_own_choices(self, one: DeclaredField) -> bool:
        return one.input.choices is not None or one.name in self.page.choices

    def not_offered(self, texts: Mapping[str, Any]) -> list[Invalid]:
        """A choice not among those this actor has. The command would refuse it, too, without naming the choice."""
        refused = []
        for one in self.fields:
            if self._has_own_choices(one) and (given := texts.get(one.name)):
                offered = {value for value, _ in self.options(one)}
                if not offered.issuperset(given if one.is_list else [given]):
                    refused.append(Invalid(NOT_OFFERED, field=one.name))
        return refused

    def _confirm_text(self, command: Command) -> str:
        """What must be typed to confirm; empty for nothing."""
        return self.page.confirm_text(session(), command) if self.page.confirm_text else ""

    def is_confirmed(self, form: Form, command: Command) -> bool:
        """Whether what must be typed was typed; if not, `form` has the error."""
        if expected := self._confirm_text(command):
            form.values.setdefault(CODE_TYPED, "")
            form.confirm_text(CODE_TYPED, expected)
        return form.is_valid

    def render_form(self, form: Form, *, is_stale: bool = False) -> tuple[str, int]:
        meanwhile: Sequence[Fact] = ()
        if is_stale and self.kept:
            # What was typed stays; sent once more, it is an edit of the record as it is now.
            present = self._present_record()
            form.values |= {one.name: str(present[one.name]) for one in self.kept}
            form.errors = [replace(error, name="") for error in form.errors]
            meanwhile = self.page.meanwhile(session(), self.given) if self.page.meanwhile else ()
        inputs = [(one, self.options(one)) for one in self.fields]
        return render_page(
            "interface/command_form",
            form=form,
            title=self.entry_point.label.text(self.language),
            intro=self.page.intro.text(self.language),
            back=self._back(),
            about=self.about,
            meanwhile=meanwhile,
            inputs=inputs,
            refusal=self.page.refusal(session(), self.given) if self.page.refusal else None,
            missing=[
                one
                for one, options in inputs
                if one.is_required and not one.is_list and not options and self._has_own_choices(one)
            ],
            kept=[one.name for one in [*self.kept, *self.named]],
            button=self._button(),
            deciders=self._deciders(),
            page=self.page,
        )

    def render_review(self, form: Form, command: Command, *, has_changed: bool = False) -> tuple[str, int]:
        more = self.page.consequences(session(), command, self.language) if self.page.consequences else FormContext()
        form.values[SHOWN_DIGEST] = _digest(self.entry_point, self.page, command)
        resolved = self.entry_point.resolved_values(session(), command)
        entered = [self._fact(one, command, resolved) for one in self.fields if not self._is_unchanged(one, command)]
        unchanged = () if entered or not self.record else (gettext("There are no changes."),)
        return render_page(
            "interface/command_review",
            form=form,
            title=self.entry_point.label.text(self.language),
            intro=self.page.review_intro.text(self.language),
            facts=[*self.about.facts, *entered, *more.facts],
            warnings=[*self.about.warnings, *more.warnings, *unchanged],
            tables=more.tables,
            actions=more.actions,
            button=self._button(),
            deciders=self._deciders(),
            page=self.page,
            has_changed=has_changed,
            confirm_text=self._confirm_text(command),
        )

    def _is_unchanged(self, one: DeclaredField, command: Command) -> bool:
        return one.name in self.record and self.record[one.name] == getattr(command, one.name)

    def _fact(self, one: DeclaredField, command: Command, resolved: Mapping[str, object]) -> Fact:
        """A field as it was read, an empty one as what it comes to today; of a record's field what it was, too."""
        value = getattr(command, one.name)
        shown = self._show_chosen(one, value) if one.name in self.page.choices else ""
        shown = shown or one.show(value, self.language, session())
        if value is None and resolved.get(one.name) is not None:
            shown = one.show(resolved[one.name], self.language, session())
            shown = if_approved_today(shown, self.language) if self.entry_point.deciders else shown
        if one.name in self.record:
            shown = f"{one.show(self.record[one.name], self.language, session())} → {shown}"
        if one.control is Control.TEXT:
            shown = lines_of_text(shown)
        return Fact(one.input.label.text(self.language), shown)

    def _show_chosen(self, one: DeclaredField, value: Any) -> str:
        """What was chosen in the words in which this page offered it, of many the first ones; empty for nothing.

        The field itself knows no words for ids, such as those of chosen tenants.
        """
        offered = dict(self.options(one))
        chosen = [str(part) for part in value] if one.is_list else [str(value)]
        if not chosen or not offered.keys() >= set(chosen):
            return ""
        names = gettext(", ").join(offered[part] for part in chosen[:MAX_NAMED])
        more = len(chosen) - MAX_NAMED
        if more <= 0:
            return names
        return ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", more, names=names)

    def _button(self) -> str:
        return gettext("Request approval") if self.entry_point.deciders else self.entry_point.button.text(self.language)

    def _deciders(self) -> str:
        return gettext(", ").join(role.label(self.language) for role in sorted(self.entry_point.deciders))

    def _back(self) -> tuple[str, str] | None:
        if self.page.back is None:
            return None
        label, address = self.page.back(self.given)
        return label.text(self.language), address


def is_name_for_programs(one: DeclaredField) -> bool:
    """Whether a form makes the field itself: a stable name that only programs use."""
    return one.field_type.name in (SLUG.name, COHORT_NAME.name) and one.is_required and one.input.choices is None


def _labels(fields: Iterable[DeclaredField]) -> dict[str, str]:
    """What a form calls these fields."""
    return {one.name: one.input.label.text(current_language()) for one in fields}


def _proposed(one: DeclaredField, known: Mapping[str, object]) -> object:
    if one.name in known:
        return known[one.name]
    if one.name in request.args:
        return request.args[one.name][:MAX_LENGTH]
    if one.input.start is not None:
        return one.input.start()
    if one.info.is_required():
        return current_fiscal_year() if one.field_type.name == FISCAL_YEAR.name else ""
    default = one.info.get_default(call_default_factory=True, validated_data={})
    return ",".join(map(str, default)) if isinstance(default, tuple) else default


def day_as_typed(day: date, language: Language | None = None) -> str:
    """A day as a field of a form has it: as pages show it, 令和7年4月1日（火）, or 2025-04-01 in English."""
    return show_day(day) if (language or current_language()) == "ja" else day.isoformat()


def _as_typed(one: DeclaredField, value: object, language: Language) -> object:
    """A stored value as a person would type it: a date as pages show it, 令和7年4月1日（火）; an end, the last day."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, date):
        return value
    day = last_day(value) if one.field_type.name == LAST_DAY.name else value
    return day_as_typed(day, language)


def _texts(form: Form, fields: Iterable[DeclaredField]) -> dict[str, Any]:
    """The texts of a form by field. An empty field is null where null is allowed, and absent otherwise."""
    texts: dict[str, Any] = {}
    for one in fields:
        if one.is_list:
            # Ticked boxes come one by one, a confirm page's hidden field as one text.
            chosen = [part for text in request.form.getlist(one.name) for part in text.split(",") if part]
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


def _has_changed(entry_point: EntryPoint, page: PageAddress, command: Command, form: Form) -> bool:
    """Whether what was confirmed is no longer what would be done. What was done with this key already stays done."""
    shown = form.values.pop(SHOWN_DIGEST, "")
    if not shown or _is_done(entry_point, command, form):
        return False
    return shown != _digest(entry_point, page, command)


def _is_done(entry_point: EntryPoint, command: Command, form: Form) -> bool:
    """Whether this form was carried out before: the second of two clicks."""
    actor = entry_point.actor_of(current_actor(), command)
    return entry_point.handler.previous_result(command, actor=actor, key=form.key) is not None


def _worded(error: DomainError, fields: Iterable[DeclaredField]) -> DomainError:
    """An error of pydantic's names the field as the form does: by its label."""
    one = next((one for one in fields if one.name == error.field), None)
    if error.message is not INVALID_FIELD or one is None:
        return error
    worded = {"place": one.input.label.text(current_language())}
    if one.enum is not None:
        # A form offers labels: the values that pydantic lists mean nothing to its reader.
        worded |= {"problem_ja": "選択肢から選んでください", "problem_en": "choose one of the options"}
    return Invalid(INVALID_FIELD, field=error.field, **{**error.facts, **worded})


def _digest(entry_point: EntryPoint, page: PageAddress, command: Command) -> str:
    """The digest of the command and of the figures shown with it, in one language so that both agree."""
    more = page.consequences(session(), command, "en") if page.consequences else FormContext()
    resolved = {name: str(value) for name, value in entry_point.resolved_values(session(), command).items()}
    return digest_of({"command": command.model_dump(mode="json"), "shown": more.digested, "resolved": resolved})
