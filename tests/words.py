"""Which words a reader may meet: what a page shows of its HTML, and what of it is of another language or a program.

What people entered is as they entered it: names, addresses, sources, reasons. The reference for programs and what
stands behind 「詳細（記録のまま）」 are left out by whoever asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Final

ALLOWED: Final = frozenset(
    {
        # Names that offices write as they are.
        *("API", "BOM", "CP932", "CSV", "Excel", "GiB", "ID", "IP", "JSON", "JWK", "Keycloak", "LGWAN", "Moyai", "PDF"),
        *("PIN", "PostgreSQL", "SHA-256", "SHA1", "SIEM", "Set", "Shift_JIS", "URL", "UTF-8", "ZIP", "km"),
        # The protocol by which directories write people, and the directory that most offices have.
        *("SCIM", "Entra", "AD", "FS"),
        # What staff log in with every day, and its two protocols.
        *("IdP", "OpenID", "Connect", "SAML", "XML", "issuer", "NameID", "preferred_username"),
        # Kinds of keys, and the form in which they come.
        *("EC", "P-256", "RSA", "PEM"),
        # A language in its own words, and the keys of a keyboard.
        *("English", "Ctrl-K", "Esc"),
        # The apps that show codes.
        *("FreeOTP", "Google", "Microsoft", "Authenticator"),
        # The portal for local taxes, whose published rule is a template.
        "eLTAX",
    }
)
"""The short list: everything else in a Japanese text is Japanese or was entered."""

EXAMPLES: Final = frozenset(
    {
        *("R2.10.1", "R7", "R7.4.1", "R8.3.31", "R8.4.1", "name@example.lg.jp", "example.lg.jp", "https"),
        # What comes from other programs: in a JWK Set, in the head of a delivery, in the audit log.
        *("https://idp.town.example.lg.jp/.well-known/openid-configuration", "town.example.lg.jp", "email", "mail"),
        "well-known/openid-configuration",
        *("keys", "webhook-id", "cli", "BEGIN", "END", "PUBLIC", "KEY"),
    }
)
"""What a Japanese page gives as an example of what to type."""

ENGLISH_QUOTES: Final = frozenset(
    {"日本語", "催合", "御中", "長", "様", "令和", "年", "月", "日", "均等割", "国勢調査"}
)
"""What an English text quotes: languages in their own words, how a paper addresses a city, an era."""

ENTERED: Final = re.compile(
    r"@\w[\w.-]*\.(?:jp|example)\b|^https?://|^siem\.|^test:|^[A-Z]?[0-9a-f]{8}$|^sha256:[0-9a-f]{64}$|^[\w-]{32,43}$"
)
"""What people entered: addresses, references of entries; and digests, which papers print whole and pages begin."""

UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_ASCII_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_@.:/-]*[A-Za-z0-9]")
_JAPANESE: Final = re.compile("[\u3040-\u30ff\u4e00-\u9fff々]+")
_LEFT_OUT: Final = re.compile(
    r"<(script|style|textarea|code|kbd|datalist)\b.*?</\1>|<details class=\"raw\">.*?</details>"
    r"|<[^>]*class=\"(?:code|[^\"]* code)\b[^\"]*\"[^>]*>[^<]*|<!--.*?-->",
    re.DOTALL,
)
_SAID: Final = re.compile(r"\b(?:aria-label|alt|title|placeholder|data-label)=\"([^\"]*)\"")


def readable(page: str) -> str:
    """What a page says, to eyes or to ears: its title, its text, its drawings' text, and the labels in its tags."""
    shown = _LEFT_OUT.sub(" ", page)
    return unescape(f"{re.sub(r'<[^>]*>', ' ', shown)} {' '.join(_SAID.findall(shown))}")


def foreign_words(text: str, *more: str) -> set[str]:
    """The words of a Japanese text that are neither Japanese nor allowed nor entered, and the ids in it."""
    allowed = ALLOWED | EXAMPLES | set(more)
    words = {word for word in _ASCII_WORD.findall(text) if word not in allowed and not ENTERED.search(word)}
    return words | set(UUID.findall(text))


def japanese_words(text: str, entered: str | Iterable[str] = ()) -> set[str]:
    """The runs of Japanese in an English text that were not entered; `entered` is where they would be found."""
    known = entered if isinstance(entered, str) else "\n".join(entered)
    return {run for run in _JAPANESE.findall(text) if run not in known} - ENGLISH_QUOTES
