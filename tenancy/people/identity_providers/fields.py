"""The field types of an identity provider's form: its metadata, the e-mail domains, the claim, the secret."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import StringConstraints

from governance.kernel.errors import Invalid, message
from governance.kernel.field_type import Control, FieldType
from governance.kernel.labels import Label
from governance.kernel.yen import printable
from governance.webhooks.address import split_address

MAX_DOMAINS: Final = 20
MAX_METADATA_LENGTH: Final = 200_000

NOT_A_PUBLIC_ADDRESS = message(
    "identity_provider.not_a_public_address",
    ja="「{given}」は使えません。https:// で始まり、公開された名前のアドレスにしてください。",
    en="“{given}” cannot be used; give an https address at a public name.",
)
NOT_A_DOMAIN = message(
    "identity_provider.not_a_domain",
    ja="「{given}」は、メールアドレスのドメインとして読めません。town.example.lg.jp のように入力してください。",
    en="“{given}” is not the domain of an e-mail address; write it as town.example.lg.jp.",
)
TOO_MANY_DOMAINS = message(
    "identity_provider.too_many_domains",
    ja="ドメインは 1 個以上 {most} 個までです（{number} 個あります）。",
    en="One to {most} domains can be given; these are {number}.",
)
NOT_A_CLAIM = message(
    "identity_provider.not_a_claim",
    ja="「{given}」は、クレームや属性の名前として読めません。email のように入力してください。",
    en="“{given}” is not the name of a claim or an attribute; write it as email.",
)
NOT_A_SECRET = message(
    "identity_provider.not_a_secret",
    ja="シークレットは、空白を含まない 8 文字以上 500 文字以内の半角にしてください。",
    en="A secret is 8 to 500 ASCII characters without spaces.",
)
NOT_XML = message(
    "identity_provider.not_xml",
    ja="SAML のメタデータ（XML、200,000 文字以内）として読めません。",
    en="This cannot be read as SAML metadata (XML of at most 200,000 characters).",
)

_DOMAIN: Final = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
_CLAIM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}")


def read_domains(text: str, *, field: str = "domains") -> tuple[str, ...]:
    """The domains in a text, parted by spaces, lines or commas: in lower case, each once, sorted.

    Raises Invalid at `field` for what is no domain, for none, and for more than 20.
    """
    found = {given.lower().removeprefix("@") for given in text.replace(",", " ").replace("、", " ").split()}
    for given in sorted(found):
        if not _DOMAIN.fullmatch(given):
            raise Invalid(NOT_A_DOMAIN, field=field, given=printable(given))
    if not 1 <= len(found) <= MAX_DOMAINS:
        raise Invalid(TOO_MANY_DOMAINS, field=field, most=MAX_DOMAINS, number=len(found))
    return tuple(sorted(found))


def _checked_domains(text: str) -> str:
    read_domains(text, field="")
    return text


def _checked_address(url: str) -> str:
    try:
        split_address(url)
    except Invalid:
        raise Invalid(NOT_A_PUBLIC_ADDRESS, given=printable(url)) from None
    return url


def _checked_claim(value: str) -> str:
    if not _CLAIM.fullmatch(value):
        raise Invalid(NOT_A_CLAIM, given=printable(value))
    return value


def _checked_secret(value: str) -> str:
    # What is wrong with it is said without it.
    if not (8 <= len(value) <= 500 and value.isascii() and value.isprintable() and " " not in value):
        raise Invalid(NOT_A_SECRET)
    return value


def _checked_metadata(text: str) -> str:
    if len(text) > MAX_METADATA_LENGTH or not text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise Invalid(NOT_XML)
    return text


METADATA_ADDRESS: Final = FieldType(
    name="metadata_address",
    read=lambda text: text.strip(),
    check=_checked_address,
    hint=Label(
        "例: https://idp.town.example.lg.jp/.well-known/openid-configuration",
        "as in https://idp.town.example.lg.jp/.well-known/openid-configuration",
    ),
    inputmode="url",
    right=("https://idp.town.example.lg.jp/.well-known/openid-configuration",),
    wrong=(
        ("http://idp.town.example.lg.jp/metadata", "identity_provider.not_a_public_address"),
        ("https://10.0.0.1/metadata", "identity_provider.not_a_public_address"),
    ),
    json_schema={"format": "uri", "maxLength": 500, "pattern": "^https://[^#\\s]+$"},
)
DOMAINS: Final = FieldType(
    name="domains",
    read=lambda text: text,
    check=_checked_domains,
    hint=Label("1 行に 1 つ。例: town.example.lg.jp", "One a line, as town.example.lg.jp"),
    control=Control.TEXT,
    right=("town.example.lg.jp", "town.example.lg.jp\nedu.town.example.lg.jp"),
    wrong=(("役場", "identity_provider.not_a_domain"), ("*.example.lg.jp", "identity_provider.not_a_domain")),
    json_schema={"minLength": 4, "maxLength": 4_000},
)
CLAIM: Final = FieldType(
    name="claim",
    read=lambda text: text.strip(),
    check=_checked_claim,
    right=("email", "preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"),
    wrong=(("e mail", "identity_provider.not_a_claim"), ("${x}", "identity_provider.not_a_claim")),
    json_schema={"maxLength": 200, "pattern": _CLAIM.pattern.join("^$")},
)
SECRET: Final = FieldType(
    name="secret",
    read=lambda text: text.strip(),
    check=_checked_secret,
    # Never shown again, on no page; at the command line it is read from a file, so that no list of processes has it.
    show=lambda value, language: "●●●●●●●●",
    control=Control.SECRET,
    is_document=True,
    right=("Xk9~6dSecretOfTheTown",),
    wrong=(("short", "identity_provider.not_a_secret"), ("with a space inside", "identity_provider.not_a_secret")),
    json_schema={"minLength": 8, "maxLength": 500, "writeOnly": True},
)
SAML_METADATA: Final = FieldType(
    name="saml_metadata",
    read=lambda text: text.strip(),
    check=_checked_metadata,
    control=Control.TEXT,
    is_document=True,
    right=("<EntityDescriptor/>",),
    wrong=(("EntityDescriptor", "identity_provider.not_xml"),),
    json_schema={"maxLength": MAX_METADATA_LENGTH},
)

MetadataAddress = Annotated[str, StringConstraints(max_length=2_000), METADATA_ADDRESS]
"""Where metadata stand: https at a public name."""

Domains = Annotated[str, StringConstraints(max_length=4_000), DOMAINS]
"""E-mail domains as people type them: parted by lines, spaces or commas."""

Claim = Annotated[str, StringConstraints(max_length=1_000), CLAIM]
"""The claim or SAML attribute that holds a person's e-mail address."""

Secret = Annotated[str, StringConstraints(max_length=2_000), SECRET]
"""A client's secret, which no page shows."""

SamlMetadata = Annotated[str, StringConstraints(max_length=300_000), SAML_METADATA]
"""The XML of a SAML identity provider."""
