"""Text that people enter: checked, and then stored byte for byte as entered.

Nothing here is normalised, because NFC already turns 神 (U+FA19) into another character and names are names. What
cannot be seen is refused: it would make two names look alike, or one name look like another.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Final

from pydantic import StringConstraints

from governance.kernel.errors import Invalid, message
from governance.kernel.yen import printable

EMPTY = message("text.empty", ja="入力してください。", en="This must not be empty.")
EDGE_SPACE = message(
    "text.edge_space",
    ja="「{given}」の前後に空白があります。空白を除いて入力してください。",
    en="“{given}” begins or ends with a space; remove it.",
)
INVISIBLE = message(
    "text.unseen",
    ja="「{given}」の {place} 文字目に、表示されない文字（{character}）があります。",
    en="Character {place} of “{given}” is invisible ({character}).",
    hint_ja="その文字を削除して入力し直してください。",
    hint_en="Remove that character and enter it again.",
)
TOO_LONG = message(
    "text.too_long",
    ja="{most} 文字以内で入力してください（入力: {length} 文字）。",
    en="Enter at most {most} characters; there are {length}.",
)
NOT_AN_ADDRESS = message(
    "text.not_an_address",
    ja="「{given}」はメールアドレスとして使えません。半角英数字で name@example.lg.jp のように入力してください。",
    en="“{given}” cannot be used as an email address; enter it in ASCII, as in name@example.lg.jp.",
)

PlainLine = Annotated[str, StringConstraints(max_length=1_000)]
"""Text of a command before it is checked: bounded, so that no check has to read a book."""

MAX_LINE_LENGTH: Final = 120
MAX_TEXT_LENGTH: Final = 200_000
MAX_ADDRESS_LENGTH: Final = 254

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_LOCAL})@{_LABEL}(?:\.{_LABEL})+")


def plain_line(text: str, *, field: str, most: int = MAX_LINE_LENGTH) -> str:
    """A name or another single line, as it was entered.

    Raises Invalid when it is empty, begins or ends with a space (also a full-width one), holds a character that cannot
    be seen (control, direction, zero width, private use), or is too long in characters or, with many marks, in bytes.
    """
    if not text:
        raise Invalid(EMPTY, field=field)
    if len(text) > most or len(text.encode(errors="replace")) > most * 4:
        raise Invalid(TOO_LONG, field=field, most=most, length=len(text))
    if text != text.strip():
        raise Invalid(EDGE_SPACE if text.strip() else EMPTY, field=field, given=printable(text))
    _refuse_invisible(text, field, allowed="")
    if sum(unicodedata.category(character) == "Mn" for character in text) > most // 4:
        raise Invalid(TOO_LONG, field=field, most=most, length=len(text))
    return text


def plain_text(text: str, *, field: str, most: int = MAX_TEXT_LENGTH) -> str:
    """Paragraphs, such as an agreement's text: as `plain_line`, but with line ends, tabs and space around them."""
    if not text.strip():
        raise Invalid(EMPTY, field=field)
    if len(text) > most:
        raise Invalid(TOO_LONG, field=field, most=most, length=len(text))
    _refuse_invisible(text, field, allowed="\n\r\t")
    return text


def mail_address(text: str, *, field: str = "email") -> str:
    """An address in ASCII, as entered: letters that look like others cannot be told apart in a mail."""
    found = _ADDRESS.fullmatch(text)
    if found is None or len(text) > MAX_ADDRESS_LENGTH or len(found["local"]) > 64:
        raise Invalid(NOT_AN_ADDRESS, field=field, given=printable(text))
    return text


def _refuse_invisible(text: str, field: str, *, allowed: str) -> None:
    for place, character in enumerate(text, start=1):
        if unicodedata.category(character) in _INVISIBLE and character not in allowed:
            raise Invalid(
                INVISIBLE, field=field, given=printable(text), place=place, character=f"U+{ord(character):04X}"
            )
