"""The declaration of a command's fields: named once, read by every entry point.

`Input` stands beside a field's type and says what is of this field: its label and help in both languages, the choices
an actor has, what a form proposes. `check` marks a rule over several fields. From them come the API and
its schema, the options of the command line, the form and its confirm page. `read_command` is the one place where
input becomes a command, and where an invalid command is told from a bug.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, ParamSpec, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError
from sqlalchemy.orm import Session

from governance.kernel.errors import Invalid, Language, message
from governance.kernel.field_type import DOMAIN_ERROR, Control, FieldType
from governance.kernel.field_types import ID, PLAIN_LINE
from governance.kernel.labels import Label, LabelledEnum
from governance.kernel.yen import printable

INVALID_FIELD: Final = message(
    "input.wrong",
    ja="「{place}」: {problem_ja}。",
    en="{place}: {problem_en}.",
)

CHECKS_ERROR: Final = "checks"

Choices = Callable[[Session, Language], Sequence[tuple[str, str]]]
"""Gives the value and the wording of each choice, as this transaction's scope sees them."""

M = TypeVar("M", bound=BaseModel)
F = TypeVar("F")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Input:
    """What is of one field: `Annotated[PlainLine, Input("名称", "Name")]`.

    `choices` are loaded in the actor's scope and checked again by the command; `none` says what to do where there are
    none. `start` is what a form proposes (the model's default is what absence means). `empty` says what null stands
    for, such as today; the hint then says it, too. `option` names the option where it is not the field's name, as
    `--tenant` for each of `tenant_ids`. `former` are options that the command line still takes. `control` overrides
    the type's.
    """

    ja: str
    en: str
    hint: Label | None = None
    choices: Choices | None = None
    none: Label | None = None
    start: Callable[[], object] | None = None
    empty: Label | None = None
    option: str | None = None
    former: tuple[str, ...] = ()
    control: Control | None = None

    @property
    def label(self) -> Label:
        return Label(self.ja, self.en)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        described["title"] = self.en
        if self.hint is not None and self.hint.en:
            described["description"] = self.hint.en
        return described


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """One field of a model as entry points see it: its name, its type's traits and its own."""

    name: str
    info: FieldInfo
    field_type: FieldType
    input: Input
    enum: type[Enum] | None
    is_list: bool
    is_map: bool
    is_optional: bool
    """Whether null is allowed."""

    @property
    def is_required(self) -> bool:
        """Whether a value must be given: neither a default nor null stands for its absence."""
        return self.info.is_required() and not self.is_optional

    @property
    def control(self) -> Control:
        if self.input.control is not None:
            return self.input.control
        if self.enum is not None or self.input.choices is not None:
            return Control.SELECT
        return self.field_type.control

    @property
    def hint(self) -> Label:
        """The field's own hint, else how its type is typed and what an empty field stands for."""
        if self.input.hint is not None:
            return self.input.hint
        # Nobody types a choice: how a name is spelled would only puzzle there.
        typed = Label("", "") if self.control is Control.SELECT else self.field_type.hint
        if (empty := self.input.empty) is None:
            return typed
        shown = Label(f"空にすると{empty.ja}", f"{empty.en} if empty")
        return Label(f"{typed.ja}。{shown.ja}", f"{typed.en}; {shown.en}") if typed.ja else shown

    @property
    def option(self) -> str:
        """The option of the command line: `--fiscal-year`."""
        return "--" + (self.input.option or self.name).replace("_", "-")

    @property
    def is_file(self) -> bool:
        """Whether the command line takes it from a file."""
        return self.field_type.is_document or self.control is Control.FILE

    def options(self, session: Session | None, language: Language) -> list[tuple[str, str]]:
        """Value and wording of each choice; empty for a field that is typed."""
        if self.input.choices is not None and session is not None:
            return list(self.input.choices(session, language))
        if self.enum is not None:
            return [(str(member.value), enum_label(member, language)) for member in self.enum]
        return []

    def show(self, value: Any, language: Language, session: Session | None = None) -> str:
        """A value as people read it: the label of a choice, 円, era and weekday; the type's word for nothing."""
        if value is None or value == "" or value == ():
            return (self.input.empty or self.field_type.empty).text(language)
        if self.is_list:
            return ("、" if language == "ja" else ", ").join(self._show_one(one, language, session) for one in value)
        return self._show_one(value, language, session)

    def _show_one(self, value: Any, language: Language, session: Session | None) -> str:
        if isinstance(value, Enum):
            return enum_label(value, language)
        if self.input.choices is not None and session is not None:
            return dict(self.input.choices(session, language)).get(str(value), str(value))
        return self.field_type.show(value, language)


def enum_label(member: Enum, language: Language) -> str:
    """The wording of an enum's member; its value where it has none."""
    return member.label(language) if isinstance(member, LabelledEnum) else str(member.value)


_ENUM: Final = FieldType(name="enum", read=lambda text: text)
_OTHER: Final = FieldType(name="other", read=lambda text: text)


@cache
def declared_fields(model: type[BaseModel]) -> tuple[DeclaredField, ...]:
    """Every field of a model, in the order of its declaration."""
    return tuple(_declare(name, info) for name, info in model.model_fields.items())


def declared_field(model: type[BaseModel], name: str) -> DeclaredField:
    """One field. Raises KeyError for a name the model has not."""
    return {one.name: one for one in declared_fields(model)}[name]


def _declare(name: str, info: FieldInfo) -> DeclaredField:
    metadata = list(info.metadata)
    kind: Any = info.annotation
    is_list = is_map = is_optional = False
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind, *more = get_args(kind)
            metadata += more
        elif origin in (Union, UnionType):
            # A map whose values may be null is not itself null.
            is_optional = is_optional or (NoneType in get_args(kind) and not is_map)
            kind = next(one for one in get_args(kind) if one is not NoneType)
        elif origin in (tuple, list, frozenset):
            is_list = True
            kind = get_args(kind)[0]
        elif origin is dict:
            is_map = True
            kind = get_args(kind)[1]
        else:
            break
    enum = kind if isinstance(kind, type) and issubclass(kind, Enum) else None
    types = [one for one in metadata if isinstance(one, FieldType)]
    inputs = [one for one in metadata if isinstance(one, Input)]
    fallback = (
        _ENUM if enum is not None else _BY_PYTHON_TYPE.get(kind.__name__ if isinstance(kind, type) else "", _OTHER)
    )
    return DeclaredField(
        name=name,
        info=info,
        field_type=types[0] if types else fallback,
        input=inputs[0] if inputs else Input(name, name),
        enum=enum,
        is_list=is_list,
        is_map=is_map,
        is_optional=is_optional,
    )


_BY_PYTHON_TYPE: Final = {"str": PLAIN_LINE, "UUID": ID}


def check(*fields: str) -> Callable[[F], F]:
    """Mark a static method of a model as a rule over these fields, which it takes by position.

    It runs once all of them are right, and raises Invalid. A field that is wrong leaves it out, so that one slip does
    not give two errors.
    """

    def mark(function: F) -> F:
        function.__checked_fields__ = fields  # type: ignore[attr-defined]
        return function

    return mark


@cache
def checks_of(model: type[BaseModel]) -> tuple[tuple[tuple[str, ...], Callable[..., None]], ...]:
    """The checks of a model with the fields each takes, its bases' first."""
    return tuple(
        (function.__checked_fields__, function)
        for base in reversed(model.__mro__)
        for function in vars(base).values()
        if hasattr(function, "__checked_fields__")
    )


def run_checks(model: BaseModel) -> None:
    """Run every check of a whole model; raise one pydantic error that carries all refusals."""
    refusals = []
    for fields, function in checks_of(type(model)):
        refusals += _refusals(function, *(getattr(model, name) for name in fields))
    if refusals:
        raise PydanticCustomError(CHECKS_ERROR, "{text}", {"text": str(refusals[0]), "refusals": refusals})


class InvalidCommand(Invalid):
    """A command that cannot be: it speaks as its first error, and `errors` are all of them, field by field."""

    def __init__(self, errors: Sequence[Invalid]) -> None:
        first = errors[0]
        super().__init__(first.message, field=first.field, **first.facts)
        self.errors: Final = tuple(errors)

    def renamed(self, rename: Callable[[str], str | None]) -> Self:
        """The same errors, each with its field as `rename` calls it."""
        return type(self)([error.renamed(rename) for error in self.errors])


def read_command(
    model: type[M], values: Mapping[str, Any], *, typed: bool = False, given: Mapping[str, Any] | None = None
) -> M:
    """The command made of what was sent, and of what the address or the actor says (`given`).

    `values` are JSON values; with `typed` they are texts as a person typed them, nested in lists and objects as the
    model is. Raises InvalidCommand with every error at once; anything else that goes wrong is a bug.
    """
    given = given or {}
    if unexpected := [name for name in values if name in given]:
        raise InvalidCommand([Invalid(UNEXPECTED_FIELD, field=name, given=name) for name in unexpected])
    whole = {**values, **given}
    context = {"typed": True} if typed else None
    try:
        return model.model_validate_json(json.dumps(whole, default=str, ensure_ascii=False), context=context)
    except ValidationError as wrong:
        errors = errors_of(wrong)
    # Cross-field rules do not run while a field is wrong; those whose own fields are right still say what they think.
    faulty = {(error.field or "").partition(".")[0] for error in errors}
    for fields, function in checks_of(model):
        if not faulty.intersection(fields) and not any(_is_check_of(error, function) for error in errors):
            values_of = [_value_of(model, name, whole, context) for name in fields]
            errors += [one for one in _refusals(function, *values_of) if one.code not in {e.code for e in errors}]
    raise InvalidCommand(errors) from None


def build_command(command_type: Callable[P, M], *args: P.args, **values: P.kwargs) -> M:
    """The command of these values, for entry points that parse a person's input themselves.

    Raises InvalidCommand with the errors of all fields. Built without it, a wrong command is a ValidationError: a bug.
    """
    try:
        return command_type(*args, **values)
    except ValidationError as wrong:
        raise InvalidCommand(errors_of(wrong)) from None


UNEXPECTED_FIELD: Final = message(
    "api.not_expected",
    ja="「{given}」はここでは指定できません。",
    en="“{given}” cannot be given here.",
)


def errors_of(wrong: ValidationError) -> list[Invalid]:
    """Each error of a validation as our own refusal, at its place: `lines.0.yen`."""
    found: list[Invalid] = []
    for error in wrong.errors(include_url=False, include_input=False):
        place = ".".join(printable(step) for step in error["loc"])
        context = error.get("ctx", {})
        if error["type"] == DOMAIN_ERROR:
            refusal: Invalid = context["refusal"]
            found.append(Invalid(refusal.message, field=place, **refusal.facts))
        elif error["type"] == CHECKS_ERROR:
            found += context["refusals"]
        else:
            ja, en = _problem(error)
            found.append(Invalid(INVALID_FIELD, field=place or "-", place=place or "-", problem_ja=ja, problem_en=en))
    return found


def _refusals(function: Callable[..., None], *values: Any) -> list[Invalid]:
    try:
        function(*values)
    except Invalid as refusal:
        return [refusal]
    return []


def _is_check_of(error: Invalid, function: Callable[..., None]) -> bool:
    return error.field in getattr(function, "__checked_fields__", ())


def _value_of(model: type[BaseModel], name: str, values: Mapping[str, Any], context: Any) -> Any:
    info = model.model_fields[name]
    if name not in values:
        return info.get_default(call_default_factory=True, validated_data={})
    text = json.dumps(values[name], default=str, ensure_ascii=False)
    return _adapter(model, name).validate_json(text, strict=True, context=context)


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    annotation: Any = info.annotation
    return TypeAdapter(Annotated[annotation, *info.metadata] if info.metadata else annotation)


def _problem(error: ErrorDetails) -> tuple[str, str]:
    """What pydantic found wrong, in both languages; a kind we do not word ourselves keeps pydantic's English."""
    wording = _PROBLEMS.get(error["type"])
    context = {key: value for key, value in error.get("ctx", {}).items() if not isinstance(value, Exception)}
    if wording is None:
        return ("形式が正しくありません", error["msg"])
    return (wording.ja.format(**context), wording.en.format(**context))


_PROBLEMS: Final[dict[str, Label]] = {
    "missing": Label("入力してください", "it is required"),
    "extra_forbidden": Label("ここでは指定できません", "it cannot be given here"),
    "string_type": Label("文字列を指定してください", "give a text"),
    "int_type": Label("整数を指定してください", "give a whole number"),
    "int_parsing": Label("整数を指定してください", "give a whole number"),
    "bool_type": Label("true か false を指定してください", "give true or false"),
    "bool_parsing": Label("はい か いいえ を指定してください", "give yes or no"),
    "enum": Label("選択肢は {expected} です", "choose one of {expected}"),
    "literal_error": Label("選択肢は {expected} です", "choose one of {expected}"),
    "string_too_long": Label("{max_length} 文字以内で指定してください", "at most {max_length} characters"),
    "string_too_short": Label("{min_length} 文字以上で指定してください", "at least {min_length} characters"),
    "string_pattern_mismatch": Label("使えない文字か形式です", "its form or a character is not allowed"),
    "too_long": Label("{max_length} 件以内で指定してください", "at most {max_length} items"),
    "too_short": Label("{min_length} 件以上で指定してください", "at least {min_length} items"),
    "greater_than_equal": Label("{ge} 以上で指定してください", "at least {ge}"),
    "less_than_equal": Label("{le} 以下で指定してください", "at most {le}"),
    "uuid_parsing": Label("識別子ではありません", "it is not an id"),
    "uuid_type": Label("識別子ではありません", "it is not an id"),
    "date_type": Label("日付を指定してください", "give a date"),
    "tuple_type": Label("一覧を指定してください", "give a list"),
    "list_type": Label("一覧を指定してください", "give a list"),
    "frozen_set_type": Label("一覧を指定してください", "give a list"),
    "dict_type": Label("オブジェクトを指定してください", "give an object"),
    "model_type": Label("オブジェクトを指定してください", "give an object"),
}
"""pydantic error type → its wording (https://docs.pydantic.dev/latest/errors/validation_errors/)."""
