"""Which kinds of organization may be registered under which code, and of which prefectures.

Reads no database; the admitted prefectures are the setting ADMITTED_PREFECTURES.
"""

from __future__ import annotations

from typing import Final

from governance.kernel.application import ApplicationValue
from governance.kernel.codes import LocalGovernmentCode, LocalGovernmentKind
from governance.kernel.errors import Invalid, message
from tenancy.tenants.states import TenantKind

CODE_MISSING = message(
    "tenant.code_missing",
    ja="都道府県・市町村には 6 桁の団体コードが必要です。",
    en="A prefecture or municipality needs its six-digit code.",
)
CODE_OF_ANOTHER_KIND = message(
    "tenant.code_of_another_kind",
    ja="団体コード {given} は「{code_kind}」の番号で、種別「{kind}」には使えません。",
    en="The code {given} belongs to a {code_kind}, not a {kind}.",
)
WARD_NOT_ELIGIBLE = message(
    "tenant.ward_not_eligible",
    ja="団体コード {given} は政令指定都市の行政区の番号です。市の番号で登録してください。",
    en="The code {given} is that of a ward; register its city instead.",
)
ANOTHER_PREFECTURE = message(
    "tenant.another_prefecture",
    ja="団体コード {given} は都道府県番号 {prefecture} の団体です。この基盤で受け付けるのは {admitted} です。",
    en="The code {given} is in prefecture {prefecture}; this platform admits {admitted}.",
    hint_ja="ほかの都道府県の団体を受け付けるには、設定 MOYAI_PREFECTURES を変更してください。",
    hint_en="To admit organizations of other prefectures, change the setting MOYAI_PREFECTURES.",
)
NOT_PREFECTURES = message(
    "tenant.not_prefectures",
    ja="設定 MOYAI_PREFECTURES の「{given}」は使えません。43,44 のような 2 桁の番号か all を指定してください。",
    en="MOYAI_PREFECTURES cannot be “{given}”; give two-digit numbers such as 43,44, or all.",
)

ALL_PREFECTURES: Final = frozenset(f"{number:02}" for number in range(1, 48))

_KINDS_OF_CODE: Final[dict[LocalGovernmentKind, frozenset[TenantKind]]] = {
    LocalGovernmentKind.PREFECTURE: frozenset({TenantKind.PREFECTURE, TenantKind.ASSOCIATE}),
    LocalGovernmentKind.CITY: frozenset({TenantKind.CITY, TenantKind.ASSOCIATE}),
    # The provisions on cities apply to the special wards of Tokyo (地方自治法283条1項).
    LocalGovernmentKind.SPECIAL_WARD: frozenset({TenantKind.CITY, TenantKind.ASSOCIATE}),
    LocalGovernmentKind.TOWN_OR_VILLAGE: frozenset({TenantKind.TOWN, TenantKind.VILLAGE, TenantKind.ASSOCIATE}),
    LocalGovernmentKind.UNION: frozenset({TenantKind.UNION, TenantKind.ASSOCIATE}),
}
_MAY_LACK_A_CODE: Final = frozenset({TenantKind.UNION, TenantKind.COMPANY, TenantKind.ASSOCIATE})

ADMITTED_PREFECTURES: Final = ApplicationValue[frozenset[str] | None]("prefectures", None)
"""Numbers of the prefectures whose organizations may be registered (MOYAI_PREFECTURES); None: the operator's only."""


def parse_prefectures(text: str) -> frozenset[str] | None:
    """The prefectures' numbers in the text of MOYAI_PREFECTURES: `43,44` or `all`; None for an empty text.

    Raises Invalid for anything but two-digit numbers from 01 to 47.
    """
    if not text:
        return None
    if text == "all":
        return ALL_PREFECTURES
    numbers = frozenset(number.strip() for number in text.split(","))
    if not numbers <= ALL_PREFECTURES:
        raise Invalid(NOT_PREFECTURES, field="MOYAI_PREFECTURES", given=text)
    return numbers


def eligible_code(
    code: str | None, kind: TenantKind, *, operator_prefecture: str, field: str = "code"
) -> LocalGovernmentCode | None:
    """Parse the code under which an organization of this kind is to be registered.

    None for a missing code of a kind that may lack one (union, company, associate). Raises Invalid, naming `field`:
    for a missing code of any other kind, for a text that is not a code with its check digit (see
    `LocalGovernmentCode.parse`), and for the code of another kind, of a ward of a designated city, or of a prefecture
    that is not admitted. `operator_prefecture` (two digits) is the one admitted where the setting is empty.
    """
    if code is None:
        if kind in _MAY_LACK_A_CODE:
            return None
        raise Invalid(CODE_MISSING, field=field)
    parsed = LocalGovernmentCode.parse(code, field=field)
    if parsed.kind is LocalGovernmentKind.WARD:
        raise Invalid(WARD_NOT_ELIGIBLE, field=field, given=code)
    if kind not in _KINDS_OF_CODE[parsed.kind]:
        raise Invalid(CODE_OF_ANOTHER_KIND, field=field, given=code, code_kind=parsed.kind, kind=kind)
    admitted = ADMITTED_PREFECTURES.get() or frozenset({operator_prefecture})
    if parsed.prefecture not in admitted:
        raise Invalid(
            ANOTHER_PREFECTURE,
            field=field,
            given=code,
            prefecture=parsed.prefecture,
            admitted=", ".join(sorted(admitted)),
        )
    return parsed
