"""What a person entered: read strictly, kept as typed, and shown again with what was wrong about it.

A form goes 入力 → 確認 → 完了 on one address: `step` says which of them was sent. Its `key` makes a second click the
first one again. What is right is decided by the commands; here their refusals find the fields they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeVar

from flask import request
from pydantic import ValidationError

from admin.core.errors import status_of
from admin.core.language import current_language
from governance.kernel.era import parse_day
from governance.kernel.errors import Conflict, Invalid, KeyReused, Refused, reason
from governance.kernel.ids import new_id
from governance.kernel.yen import shown, yen_from_form

SENT_ALREADY = reason(
    "form.sent_already",
    ja="この画面の内容は、すでに送信されています。",
    en="What this page sent was carried out already.",
    hint_ja="変更を重ねて行うときは、内容を確かめて、もう一度送信してください。",
    hint_en="To make another change, look once more and send it again.",
)
NOT_A_NUMBER = reason(
    "form.not_a_number",
    ja="「{given}」は数ではありません。半角の整数で入力してください。",
    en="“{given}” is no number; enter a whole number in half-width digits.",
)
NOT_OFFERED = reason("form.not_offered", ja="選択肢から選んでください。", en="Choose one of those that are offered.")
TYPE_CODE = reason(
    "form.type_code",
    ja="取り消せない操作です。確認のため「{expected}」と入力してください（入力: 「{given}」）。",
    en="This cannot be undone. Type “{expected}” to confirm; you typed “{given}”.",
)
NEEDED = reason("form.needed", ja="入力してください。", en="Enter this.")

LONGEST: Final = 2_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field (or, with an empty name, with the whole), worded for the reader."""

    name: str
    message: str
    hint: str = ""


@dataclass
class Form:
    """One form as it was sent or, at first, as it is to be shown."""

    values: dict[str, str]
    key: str
    step: str = "enter"
    problems: list[Problem] = field(default_factory=list)
    status: int = 200

    @classmethod
    def fresh(cls, **values: object) -> Form:
        """A form not sent yet, with what stands now in its fields."""
        return cls({name: "" if value is None else str(value) for name, value in values.items()}, str(new_id()))

    @classmethod
    def sent(cls) -> Form:
        """The form of this request, byte for byte as typed."""
        values = {name: text.replace("\r\n", "\n") for name, text in request.form.items()}
        key = values.pop("key", "") or str(new_id())
        return cls(values, key[:100], values.pop("step", "confirm"))

    @property
    def is_right(self) -> bool:
        return not self.problems

    @property
    def is_final(self) -> bool:
        """Whether the person confirmed, and not only filled in."""
        return self.step == "apply"

    def text(self, name: str) -> str:
        """What stands in a field; empty where it was not sent."""
        return self.values.get(name, "")

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def needed(self, name: str) -> str:
        """What stands in a field that must not be empty."""
        if not self.text(name).strip():
            self.refuse(Invalid(NEEDED, field=name))
        return self.text(name)

    def day(self, name: str) -> date | None:
        """A date in any of the forms people write; None for an empty field, and for one that is refused."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_day(text, field=name)
        except Refused as refused:
            self.refuse(refused)
            return None

    def whole(self, name: str) -> int | None:
        """A whole number from 0; None for an empty field, and for one that is refused."""
        text = self.text(name)
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 15:
            return int(text)
        self.refuse(Invalid(NOT_A_NUMBER, field=name, given=shown(text)))
        return None

    def yen(self, name: str) -> int | None:
        """An amount of 1 yen or more as people write it; None for an empty field, and for one that is refused."""
        text = self.text(name)
        if not text:
            return None
        try:
            return yen_from_form(text, field=name)
        except Refused as refused:
            self.refuse(refused)
            return None

    def one_of(self, name: str, offered: Callable[[str], T]) -> T | None:
        """A choice, as the enumeration or the lookup knows it; None for one that is not offered, and it is refused."""
        try:
            return offered(self.text(name))
        except (ValueError, KeyError):
            self.refuse(Invalid(NOT_OFFERED, field=name))
            return None

    def typed(self, name: str, expected: str) -> None:
        """Something irreversible: the expected code must have been typed."""
        if self.text(name) != expected:
            self.refuse(Invalid(TYPE_CODE, field=name, expected=expected, given=shown(self.text(name))))

    def refuse(self, refusal: Refused) -> None:
        """Show the refusal at the field it is about."""
        if isinstance(refusal, KeyReused) and refusal.field not in self.values:
            # A person knows no keys: what they see was sent before, and what they send next is a new deed.
            refusal, self.key = Conflict(SENT_ALREADY), str(new_id())
        language = current_language()
        name = refusal.field if refusal.field in self.values else ""
        self.problems.append(Problem(name or "", refusal.message(language), refusal.hint(language)))
        self.status = int(status_of(refusal))
        self.step = "enter"

    @contextmanager
    def refusing(self, *names: str) -> Iterator[None]:
        """Carry something out; what is refused is shown in the form.

        An order that does not take what was entered names the field too. `names` says where the order's word for a
        field is not the form's, as `order=field`.
        """
        renamed: Mapping[str, str] = dict(name.split("=", 1) for name in names)
        try:
            yield
        except Refused as refused:
            refused.field = renamed.get(refused.field or "", refused.field or "")
            self.refuse(refused)
        except ValidationError as wrong:
            place = str(wrong.errors()[0]["loc"][0])
            self.refuse(Invalid(NOT_OFFERED, field=renamed.get(place, place)))

    def problem(self, name: str) -> Problem | None:
        """The first problem of a field."""
        return next((problem for problem in self.problems if problem.name == name), None)
