"""Strict models of JSON documents: a rule's body, the input of an allocation.

pydantic checks the structure, and its JSON Schema is what is published. What a refusal says stays the document's own:
its module words pydantic's errors. Exact numbers are integers or text, never floats.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import or_
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from governance.kernel.errors import Invalid, Message
from governance.kernel.yen import printable, whole_yen

Path = tuple[int | str, ...]

MAX_NUMBER_DIGITS: Final = 40

_REFUSAL: Final = "document_refusal"
"""The pydantic error type that carries an Invalid in its context; its `field` is relative to the place of the error."""

_DIGITS: Final = f"[0-9]{{1,{MAX_NUMBER_DIGITS}}}"
_NUMBER: Final = rf"{_DIGITS}(?:\.{_DIGITS}|/{_DIGITS})?"


class StrictModel(BaseModel):
    """An object of a JSON document: no coercion, no unknown keys, frozen."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


M = TypeVar("M", bound=StrictModel)


@dataclass(frozen=True, slots=True)
class DocumentError:
    """One of pydantic's own errors: its type, its place, and the value there (the object, where a key is missing)."""

    type: str
    path: Path
    given: Any


@dataclass(frozen=True, slots=True)
class ExactNumber:
    """In `Annotated[Fraction, …]`: an integer, or the text of a decimal or a fraction in ASCII digits.

    At most 40 digits before and 40 after the point or stroke; refused with `message`, whose fact is `given`.
    """

    message: Message
    allows_negative: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        integer = {"type": "integer"} if self.allows_negative else {"type": "integer", "minimum": 0}
        return {"anyOf": [integer, {"type": "string", "pattern": f"^{self._sign}{_NUMBER}$"}]}

    @property
    def _sign(self) -> str:
        return "-?" if self.allows_negative else ""

    def read(self, given: Any) -> Fraction:
        """The number, inside a validator of a strict model."""
        if type(given) is int and abs(given) < 10**MAX_NUMBER_DIGITS and (given >= 0 or self.allows_negative):
            return Fraction(given)
        if isinstance(given, str) and re.fullmatch(f"{self._sign}{_NUMBER}", given):
            try:
                return Fraction(given)
            except ZeroDivisionError:
                pass
        refuse(self.message, given=printable(given))


@dataclass(frozen=True, slots=True)
class WholeYen:
    """In `Annotated[int, …]`: whole yen from `least` to `most`, refused as `governance.kernel.yen.whole_yen` refuses.

    With `takes_text` also the text of an integer, for programs whose integers end at 2^53.
    """

    least: int
    most: int
    takes_text: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        integer = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [integer, {"type": "string", "pattern": "^[0-9]{1,100}$"}]} if self.takes_text else integer

    def _read(self, given: Any) -> int:
        if self.takes_text and isinstance(given, str) and re.fullmatch(r"-?[0-9]{1,100}", given):
            given = int(given)
        try:
            return whole_yen(given, field="", least=self.least, most=self.most)
        except Invalid as refusal:
            raise _carried(refusal) from None


class SchemaOf:
    """In `Annotated` beside a plain JSON type: publish the JSON Schema of these models; it is validated elsewhere."""

    def __init__(self, *models: type[BaseModel]) -> None:
        self._core_schema = TypeAdapter(reduce(or_, models)).core_schema

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self._core_schema)


def read_document(
    model: type[M],
    value: Any,
    wording: Callable[[DocumentError], Invalid],
    *,
    root: str = "",
    place: Callable[[Path], Path] = lambda path: path,
) -> M:
    """The document that a JSON value holds. `root` names the whole in the paths of fields.

    Raises Invalid for the first error, unknown keys before others; its field is a path such as
    `body.components[1].ratio`. `wording` words an error of pydantic's own; the Invalid it gives names a field only
    where the fault is elsewhere than at the error's place. `place` gives a place as the document writes it.
    """
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
    first = min(errors, key=lambda error: error["type"] != "extra_forbidden")
    path = place(first["loc"])
    if first["type"] == _REFUSAL:
        refusal: Invalid = first["ctx"]["refusal"]
        field = field_path(root, path) + (refusal.field or "")
    else:
        refusal = wording(DocumentError(first["type"], path, first["input"]))
        field = refusal.field or field_path(root, path)
    raise Invalid(refusal.message, field=field or None, **refusal.facts)


def refuse(message: Message, /, at: str = "", **facts: object) -> NoReturn:
    """Refuse a value inside a validator of a strict model; `at` is the path from that value to the part at fault."""
    raise _carried(Invalid(message, field=at, **facts))


def field_path(root: str, path: Path) -> str:
    """`("components", 1, "weights", "431001")` as `components[1].weights.431001`, behind `root` where there is one."""
    text = root
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{printable(step)}" if text else printable(step)
    return text


def _carried(refusal: Invalid) -> PydanticCustomError:
    return PydanticCustomError(_REFUSAL, "{text}", {"text": str(refusal), "refusal": refusal})
