"""The code of a local public body (全国地方公共団体コード): six digits, the last a check digit.

Two digits of prefecture, three of body, one check digit from the weights 6, 5, 4, 3, 2 modulo 11. A code is an
attribute and never a key: mergers change it. Which codes exist at a date is data, not a rule, and not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from governance.kernel.errors import Invalid, message
from governance.kernel.labels import LabelledEnum
from governance.kernel.yen import printable

CHECK_DIGIT = message(
    "code.check_digit",
    ja="団体コード {given} の検査数字が合いません。正しくは {expected} です。",
    en="The check digit of {given} is wrong; it should be {expected}.",
    hint_ja="番号の写し間違いがないか確かめてください。",
    hint_en="Check that the digits were copied correctly.",
)
FIVE_DIGITS = message(
    "code.five_digits",
    ja="団体コード {given} は 5 桁です。検査数字を含む 6 桁で入力してください。",
    en="The code {given} has five digits; enter all six, with the check digit.",
    hint_ja="該当しうるコード: {candidates}。",
    hint_en="It may be one of: {candidates}.",
)
NOT_A_CODE = message(
    "code.not_a_code",
    ja="「{given}」は団体コードではありません。半角数字 6 桁で入力してください。",
    en="“{given}” is not a code of a local public body; enter six half-width digits.",
)
NO_SUCH_PREFECTURE = message(
    "code.no_such_prefecture",
    ja="団体コード {given} の都道府県番号 {prefecture} はありません（01 から 47 まで）。",
    en="There is no prefecture {prefecture} (01 to 47) for the code {given}.",
)


class LocalGovernmentKind(LabelledEnum):
    """What the number of a body says about it. City or ward, town or village are told apart by lists, not by code."""

    PREFECTURE = "prefecture", "都道府県", "prefecture"
    CITY = "city", "市", "city"
    WARD = "ward", "行政区", "ward"
    """A ward of a designated city: a district of its city, not a body of its own."""
    SPECIAL_WARD = "special_ward", "特別区", "special ward"
    """A ward of Tokyo, which is a municipality."""
    TOWN_OR_VILLAGE = "town_or_village", "町村", "town or village"
    UNION = "union", "一部事務組合等", "union"
    """一部事務組合, 広域連合 and the like."""


DESIGNATED_CITIES: Final = frozenset(
    f"{city:05}"
    for city in (
        *(1100, 4100, 11100, 12100, 14100, 14130, 14150, 15100, 22100, 22130),
        *(23100, 26100, 27100, 27140, 28100, 33100, 34100, 40100, 40130, 43100),
    )
)
"""The twenty designated cities (政令指定都市); other numbers from 101 to 199 outside Tokyo are their wards."""

_TOKYO: Final = "13"


@dataclass(frozen=True, slots=True, order=True)
class LocalGovernmentCode:
    """A code whose form and check digit are right. Make it with `parse`."""

    digits: str

    @classmethod
    def parse(cls, text: str, *, field: str = "code") -> LocalGovernmentCode:
        """Six ASCII digits. A wrong check digit is refused with the right code; five digits are not padded."""
        if re.fullmatch(r"[0-9]{5}", text):
            raise Invalid(FIVE_DIGITS, field=field, given=text, candidates=" / ".join(_candidates(text)))
        if not re.fullmatch(r"[0-9]{6}", text):
            raise Invalid(NOT_A_CODE, field=field, given=printable(text))
        if not "01" <= text[:2] <= "47":
            raise Invalid(NO_SUCH_PREFECTURE, field=field, given=text, prefecture=text[:2])
        if (expected := text[:5] + check_digit(text[:5])) != text:
            raise Invalid(CHECK_DIGIT, field=field, given=text, expected=expected)
        return cls(text)

    @property
    def prefecture(self) -> str:
        """The two digits of the prefecture: bodies of one prefecture share them."""
        return self.digits[:2]

    @property
    def kind(self) -> LocalGovernmentKind:
        """What the number says; see `LocalGovernmentKind`."""
        body = int(self.digits[2:5])
        if body == 0:
            return LocalGovernmentKind.PREFECTURE
        if body < 200 and self.prefecture == _TOKYO:
            return LocalGovernmentKind.SPECIAL_WARD
        if body < 200:
            return LocalGovernmentKind.CITY if self.digits[:5] in DESIGNATED_CITIES else LocalGovernmentKind.WARD
        if body < 300:
            return LocalGovernmentKind.CITY
        return LocalGovernmentKind.TOWN_OR_VILLAGE if body < 800 else LocalGovernmentKind.UNION

    def __str__(self) -> str:
        return self.digits


def check_digit(five: str) -> str:
    """The sixth digit of five."""
    weighted = sum(int(digit) * weight for digit, weight in zip(five, (6, 5, 4, 3, 2), strict=True))
    return str((11 - weighted % 11) % 10)


def _candidates(five: str) -> list[str]:
    """The codes that five digits may stand for: the check digit left off, or a leading zero lost in a spreadsheet."""
    padded = f"0{five}"
    found = [five + check_digit(five)] if "01" <= five[:2] <= "47" else []
    return found + ([padded] if check_digit(padded[:5]) == padded[5] and padded[:2] != "00" else [])
