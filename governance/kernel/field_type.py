"""The machinery of named field types: how one type reads text, checks a value, shows it, and looks in a form.

A field type stands in `Annotated` beside the Python type. JSON passes pydantic's strict validation and then `check`.
Text that a person typed (form, command line) passes `read` first, and only where the validation context says so:
`{"typed": True}`. So the API refuses "１,０００" where a form accepts it, with one declaration for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from governance.kernel.errors import Invalid, Language
from governance.kernel.labels import Label

_NO_HINT = Label("", "")
_NOTHING = Label("―", "―")

DOMAIN_ERROR = "domain_error"
"""The pydantic error type that carries one of our own `Invalid` in its context, under `refusal`."""


class Control(StrEnum):
    """How a form asks for a field."""

    LINE = "line"
    TEXT = "text"
    NUMBER = "number"
    SELECT = "select"
    YES_NO = "yes_no"
    FILE = "file"
    SECRET = "secret"  # noqa: S105 - a kind of field, no secret


@dataclass(frozen=True, slots=True)
class FieldType:
    """What one named type knows of itself. What these functions raise is Invalid without a field; the caller adds it.

    `read` takes a typed text; `read_json` a JSON value, where pydantic's strict mode takes too much or, behind a
    validator, too little; `check` the value, however it came.

    `empty` is how null is shown. With `is_document` the command line takes the text from a file. `right` and `wrong`
    are typed texts: examples that every entry point takes, and texts with the code they are refused with.
    `json_schema` is what JSON Schema can say of what `check` takes (bounds, lengths, a pattern): it is published for
    callers and checks nothing itself.
    """

    name: str
    read: Callable[[str], Any]
    check: Callable[[Any], Any] | None = None
    read_json: Callable[[Any], Any] | None = None
    show: Callable[[Any, Language], str] = lambda value, language: str(value)
    hint: Label = _NO_HINT
    empty: Label = _NOTHING
    control: Control = Control.LINE
    inputmode: str = ""
    is_short: bool = False
    is_document: bool = False
    right: tuple[str, ...] = ()
    wrong: tuple[tuple[str, str], ...] = ()
    json_schema: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler(source)
        if self.check is not None:
            inner = core_schema.no_info_after_validator_function(self._checked, inner)
        return core_schema.with_info_before_validator_function(self._before, inner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | dict(self.json_schema)

    def but(self, **changes: Any) -> FieldType:
        """The same type with some of its traits changed, such as another control."""
        return replace(self, **changes)

    def _checked(self, value: Any) -> Any:
        if self.check is None:
            return value
        return carry_refusal(self.check, value)

    def _before(self, value: Any, info: ValidationInfo) -> Any:
        if is_typed(info):
            return carry_refusal(self.read, value) if isinstance(value, str) else value
        if info.mode == "json" and self.read_json is not None:
            return carry_refusal(self.read_json, value)
        return value


def is_typed(info: ValidationInfo) -> bool:
    """Whether the values of this validation were typed by a person, and not sent as JSON."""
    return bool(info.context and info.context.get("typed"))


def carry_refusal(function: Callable[[Any], Any], value: Any) -> Any:
    """Call `function`; an Invalid becomes a pydantic error that carries it, so that all errors come in one pass."""
    try:
        return function(value)
    except Invalid as refusal:
        # The place is the validation's to say, and it knows the whole path.
        placed = refusal.at(None)
        raise PydanticCustomError(DOMAIN_ERROR, "{text}", {"text": str(placed), "refusal": placed}) from None
