"""What people read is in their language: no stored name and no English word in a Japanese text, nor the reverse.

Messages of the command line and of the servers name commands and settings, which have no other names; they are left
out by the module that declares them. Pages are walked in tests/admin/console/test_words.py.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from string import Formatter
from types import ModuleType
from typing import Final

import pytest
from pydantic import BaseModel

import admin
import billing
import governance
import tenancy
from admin.workflows.tenant_mails import MAILS, Mail
from governance.declaration import declared_fields
from governance.events import Event
from governance.kernel.errors import Conflict, Message
from governance.kernel.labels import Label, LabelledEnum, Language
from governance.labels import EVENT_LABELS, PERMISSION_LABELS
from governance.permissions import SCOPE_LABELS, Permission

FOR_ADMINISTRATORS: Final = (
    "admin.operations",
    "admin.features.system",
    "admin.features.mails.cli",
    "admin.features.notices.cli",
    "admin.identity.device_login",
    "admin.identity.saved_login",
    "admin.interface.cli_context",
    "admin.interface.command_line",
    "admin.interface.api_client",
    "admin.example",
    "tenancy.keycloak",
)
"""Messages at the command line and about the servers."""

FOR_PROGRAMS: Final = (
    "admin.interface.api_requests",
    "admin.interface.edited_objects",
    "admin.features.ledger.cli",
    "billing.allocation.reading",
    "billing.allocation.staged_case",
    "billing.fairness",
    "governance.idempotency",
    "governance.kernel.strict_json",
    "governance.kernel.strict_model",
    "governance.rules.cost_sharing",
    "governance.rules.split_components",
    "governance.rules.stage_values",
    "governance.rules.stages",
    "governance.rules.yearly",
    "tenancy.clients.keys",
)
"""Messages about the JSON and the headers that a program sends."""

ALLOWED: Final = frozenset(
    {
        *(
            "API",
            "BOM",
            "CP932",
            "CR",
            "CSV",
            "Excel",
            "ID",
            "IP",
            "JSON",
            "JWK",
            "Keycloak",
            "LF",
            "Moyai",
            "NUL",
            "PDF",
        ),
        *("PostgreSQL", "SHA-256", "Set", "Shift_JIS", "URL", "UTF-16", "UTF-8", "https", "https://"),
        *("MOYAI_PREFECTURES", "all", "cli", "login", "moyai", "status", "up", "worker"),
        *("JPEG", "LGWAN", "MB", "PNG", "Word"),
        *("IdP", "SAML", "OpenID", "Connect", "XML", "NameID", "issuer", "email", "preferred_username", "AD", "FS"),
        *("town.example.lg.jp", "https://idp.town.example.lg.jp/.well-known/openid-configuration"),
        *("Entra", "R7", "R7.4.1", "SCIM", "SIEM", "km", "ZIP", "output", "YYYY-MM-DD", "name@example.lg.jp", "source"),
    }
)
"""Names that offices write as they are, what an administrator sets or runs, and examples of what to type."""

ASCII_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_@.:/-]*[A-Za-z0-9/]|[A-Za-z]{2,}")
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")

JAPANESE: Final = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
PROPER_NAMES: Final = re.compile("令和|熊本市|御中|年度|長|様|公印|国勢調査|均等割|年|月|日|款|項|目|節|元")
"""What an English text may quote: how a paper addresses a city, an era, the name of a census."""


@cache
def modules() -> tuple[ModuleType, ...]:
    found = [
        importlib.import_module(one.name)
        for package in (governance, tenancy, billing, admin)
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if ".migrations." not in one.name and not one.name.endswith("asgi")
    ]
    return tuple(found)


@cache
def messages() -> dict[str, tuple[Message, str]]:
    """Every message by its code, with the module that declares it."""
    found: dict[str, tuple[Message, str]] = {}
    for module in modules():
        for value in vars(module).values():
            if isinstance(value, Message):
                known = found.get(value.code)
                # A module that imports a message has it too; the one that declares it imports the function.
                if known is None or (hasattr(module, "message") and not hasattr(_module(known[1]), "message")):
                    found[value.code] = (value, module.__name__)
    return found


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


def enums() -> Iterator[type[LabelledEnum]]:
    waiting = [LabelledEnum]
    while waiting:
        for one in waiting.pop().__subclasses__():
            waiting.append(one)
            if one.__module__.partition(".")[0] in ("governance", "tenancy", "billing", "admin"):
                yield one


def labels() -> Iterator[tuple[str, Label]]:
    """Every label of a permission, event, scope, enum member and field, with what it is of."""
    for permission, pair in PERMISSION_LABELS.items():
        yield str(permission), Label(*pair)
    for event, pair in EVENT_LABELS.items():
        yield str(event), Label(*pair)
    yield from SCOPE_LABELS.items()
    for enum in enums():
        for member in enum:
            yield f"{enum.__name__}.{member.name}", Label(member.ja, member.en)
    for module in modules():
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__:
                for field in _declared(value):
                    yield f"{value.__name__}.{field[0]}", field[1]


def _declared(model: type[BaseModel]) -> Iterator[tuple[str, Label]]:
    try:
        fields = declared_fields(model)
    except (TypeError, LookupError):
        return
    for field in fields:
        if field.input.ja == field.name:
            continue  # Not declared: no form, option or column has it.
        yield field.name, field.input.label
        if field.input.hint is not None:
            yield f"{field.name} (hint)", field.input.hint


def foreign_words(text: str) -> list[str]:
    """The words of a Japanese text that are neither Japanese nor allowed."""
    return [word for word in ASCII_WORD.findall(text) if word.rstrip(".,:") not in ALLOWED]


def without_facts(text: str) -> str:
    return "".join(before for before, *_ in Formatter().parse(text))


def for_people() -> Iterator[Message]:
    for message, module in messages().values():
        if not module.startswith(FOR_ADMINISTRATORS + FOR_PROGRAMS):
            yield message


@pytest.mark.slow
def test_no_japanese_message_has_a_program_word() -> None:
    assert len(messages()) > 350
    wrong = {one.code: found for one in for_people() if (found := foreign_words(without_facts(one.ja + one.hint_ja)))}

    assert wrong == {}


@pytest.mark.slow
def test_no_japanese_label_has_a_program_word_and_no_english_one_has_japanese() -> None:
    found = dict(labels())
    wrong_ja = {of: words for of, label in found.items() if (words := foreign_words(label.ja))}
    wrong_en = {of: label.en for of, label in found.items() if JAPANESE.search(PROPER_NAMES.sub("", label.en))}

    assert len(found) > 350
    assert wrong_ja == {}
    assert wrong_en == {}


@pytest.mark.slow
def test_no_english_message_has_japanese() -> None:
    wrong = {
        code: one.en
        for code, (one, _) in messages().items()
        if JAPANESE.search(PROPER_NAMES.sub("", one.en + one.hint_en))
    }

    assert wrong == {}


@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_is_in_one_language_and_each_language_says_the_same_facts(mail: Mail) -> None:
    for text in (mail.subject, mail.text):
        assert foreign_words(without_facts(text.ja)) == []
        assert not JAPANESE.search(text.en)
        facts = [{name for _, name, *_ in Formatter().parse(one) if name} for one in text]
        assert facts[0] == facts[1]


@pytest.mark.slow
def test_every_message_says_the_label_of_every_value_it_is_given() -> None:
    members = [member for enum in enums() for member in enum if member.ja]
    assert len(members) > 100
    for one in for_people():
        texts = (one.ja, one.hint_ja, one.en, one.hint_en)
        facts = {name for text in texts for _, name, *_ in Formatter().parse(text) if name}
        for name in facts:
            for member in members:
                given: dict[str, object] = {**dict.fromkeys(facts, Label("値", "value")), name: member}
                refusal = Conflict(one, field=None, **given)
                for language in LANGUAGES:
                    said = refusal.text(language) + refusal.hint(language)
                    if f"{{{name}}}" in (one.ja + one.hint_ja if language == "ja" else one.en + one.hint_en):
                        assert member.label(language) in said, (one.code, name, member)


@pytest.mark.slow
def test_every_permission_and_event_has_both_labels() -> None:
    assert set(PERMISSION_LABELS) == set(Permission)
    assert set(EVENT_LABELS) == set(Event)


@pytest.mark.parametrize("given", ["「applied」なので", "この操作（billing:cost:record）", "団体 TenantState"])
def test_the_guard_finds_what_it_looks_for(given: str) -> None:
    assert foreign_words(given)
    assert foreign_words("CSV を Excel で開きます。https://") == []
    assert issubclass(LabelledEnum, StrEnum)
