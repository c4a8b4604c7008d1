"""What a person entered: read strictly, kept as typed, and shown again with what was wrong about it.

A form goes 入力 → 確認 → 完了 on one address: `step` says which of them was sent. Its `key` makes a second click the
first one again. What is right is decided by the commands; here their refusals find the fields they are about.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeVar

from flask import g, request

from admin.core.errors import status_of
from admin.core.language import current_language
from governance.declaration import InvalidCommand
from governance.kernel.era import parse_day
from governance.kernel.errors import Conflict, DomainError, IdempotencyKeyReused, Invalid, message
from governance.kernel.field_types import NOT_A_NUMBER
from governance.kernel.ids import new_id
from governance.kernel.yen import printable, yen_from_form

ALREADY_SUBMITTED = message(
    "form.sent_already",
    ja="この画面の内容は、すでに送信されています。",
    en="This form has already been submitted.",
    hint_ja="変更を重ねて行うときは、内容を確かめて、もう一度送信してください。",
    hint_en="To make another change, check the form and submit it again.",
)
NOT_OFFERED = message("form.not_offered", ja="選択肢から選んでください。", en="Choose one of the options.")
CONFIRMATION_MISMATCH = message(
    "form.type_code",
    ja="取り消せない操作です。確認のため「{expected}」と入力してください（入力: 「{given}」）。",
    en="This cannot be undone. Type “{expected}” to confirm; you typed “{given}”.",
)
REQUIRED = message("form.needed", ja="入力してください。", en="This field is required.")

MAX_LENGTH: Final = 2_000
_SENT_FORM: Final = "sent_form"


def new_name() -> str:
    """A stable name for programs, for what a form defines: nobody types it. 40 random bits."""
    return f"n{secrets.token_hex(5)}"


T = TypeVar("T")


def key_of_answer() -> str:
    """The key that the form of this request has in its answer; empty where none was read."""
    form: Form | None = g.get(_SENT_FORM)
    return "" if form is None else form.key


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field (or, with an empty name, with the whole), worded for the reader."""

    name: str
    message: str
    hint: str = ""
    label: str = ""
    """What the form calls the field; empty where the message says it."""


@dataclass
class Form:
    """One form as it was sent or, at first, as it is to be shown."""

    values: dict[str, str]
    key: str
    step: str = "enter"
    errors: list[FieldError] = field(default_factory=list)
    status: int = 200
    labels: dict[str, str] = field(default_factory=dict)
    """What the form calls its fields, for the summary of errors."""
    is_restored: bool = False
    """Whether it holds what its person sent before and did not carry out."""

    @classmethod
    def initial(cls, **values: object) -> Form:
        """A form not sent yet, with what stands now in its fields."""
        return cls({name: "" if value is None else str(value) for name, value in values.items()}, str(new_id()))

    @classmethod
    def from_request(cls) -> Form:
        """The form of this request, byte for byte as typed."""
        values = {name: text.replace("\r\n", "\n") for name, text in request.form.items()}
        key = values.pop("key", "") or str(new_id())
        form = cls(values, key[:100], values.pop("step", "confirm"))
        setattr(g, _SENT_FORM, form)
        return form

    @property
    def is_valid(self) -> bool:
        return not self.errors

    @property
    def is_final(self) -> bool:
        """Whether the person confirmed, and not only filled in."""
        return self.step == "apply"

    def text(self, name: str) -> str:
        """What stands in a field; empty where it was not sent."""
        return self.values.get(name, "")

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def required(self, name: str) -> str:
        """What stands in a field that must not be empty."""
        if not self.text(name).strip():
            self.add_error(Invalid(REQUIRED, field=name))
        return self.text(name)

    def day(self, name: str) -> date | None:
        """A date in any of the forms people write; None for an empty field, and for one that is refused."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_day(text, field=name)
        except DomainError as refused:
            self.add_error(refused)
            return None

    def integer(self, name: str) -> int | None:
        """A whole number from 0; None for an empty field, and for one that is refused."""
        text = self.text(name)
        if not text:
            return None
        digits = unicodedata.normalize("NFKC", text).strip().replace(",", "")
        if digits.isascii() and digits.isdigit() and len(digits) <= 15:
            return int(digits)
        self.add_error(Invalid(NOT_A_NUMBER, field=name, given=printable(text)))
        return None

    def yen(self, name: str) -> int | None:
        """An amount of 1 yen or more as people write it; None for an empty field, and for one that is refused."""
        text = self.text(name)
        if not text:
            return None
        try:
            return yen_from_form(text, field=name)
        except DomainError as refused:
            self.add_error(refused)
            return None

    def one_of(self, name: str, offered: Callable[[str], T]) -> T | None:
        """A choice, as the enumeration or the lookup knows it; None for one that is not offered, and it is refused."""
        try:
            return offered(self.text(name))
        except (ValueError, KeyError):
            self.add_error(Invalid(NOT_OFFERED, field=name))
            return None

    def confirm_text(self, name: str, expected: str) -> None:
        """Something irreversible: the expected code must have been typed."""
        if self.text(name) != expected:
            self.add_error(
                Invalid(CONFIRMATION_MISMATCH, field=name, expected=expected, given=printable(self.text(name)))
            )

    def add_error(self, refusal: DomainError) -> None:
        """Show the refusal at the field it is about."""
        if isinstance(refusal, IdempotencyKeyReused) and refusal.field not in self.values:
            # A person knows no keys: what they see was sent before, and what they send next is a new submission.
            refusal, self.key = Conflict(ALREADY_SUBMITTED), str(new_id())
        language = current_language()
        name = refusal.field if refusal.field in self.values else ""
        said, label = refusal.text(language), self.labels.get(name or "", "")
        self.errors.append(FieldError(name or "", said, refusal.hint(language), "" if label in said else label))
        self.status = int(status_of(refusal))
        self.step = "enter"

    @contextmanager
    def collect_errors(self, *names: str) -> Iterator[None]:
        """Carry something out; what is refused is shown in the form.

        `names` says where the command's name for a field is not the form's, as `command_field=form_field`.
        """
        renamed: Mapping[str, str] = dict(name.split("=", 1) for name in names)
        try:
            yield
        except DomainError as refused:
            for error in refused.errors if isinstance(refused, InvalidCommand) else (refused,):
                self.add_error(error.renamed(lambda field: renamed.get(field, field)))

    def error(self, name: str) -> FieldError | None:
        """The first problem of a field."""
        return next((error for error in self.errors if error.name == name), None)
