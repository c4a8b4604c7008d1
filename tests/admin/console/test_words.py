"""Every page in both languages: no stored name, key, UUID or English word in Japanese, no Japanese in English.

Pages with their frame, confirm pages, refusals, files and papers; mails and Keycloak's pages have tests of their own.
What people entered is as they entered it: names, sources, reasons. The reference for programs is left out, and so is
what stands behind 「詳細（記録のまま）」.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import unquote

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import text

from admin.features.cohorts.pages import object_label
from admin.interface.command_forms import is_name_for_programs
from admin.interface.formats import yen
from admin.interface.labels import roles_label
from governance.commands import CommandHandler
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Role
from governance.rules.templates import rule_templates
from tenancy.keycloak.port import service_client_name
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_every_command import (
    ENTRY_POINTS,
    given_fields,
    hidden_texts,
    holder,
    page_address,
    typed_texts,
)
from tests.admin.console.test_pages import pages
from tests.admin.visitors import Visit
from tests.words import UUID, foreign_words, japanese_words, readable

LEFT_OUT: Final = frozenset({"system.api_reference"})

PUBLISHED: Final = [one.source.title for one in rule_templates()]
"""Titles of the documents that templates of rules are from, as they were published."""

ROLES: Final = [Role.OPERATOR_ONBOARDING, Role.OPERATOR_FINANCE, Role.OPERATOR_SECURITY, Role.TENANT_OWNER]


def entered() -> str:
    """Everything the tables hold but names of Moyai's own: what people entered is somewhere in it."""
    with tenant_scope(OPERATOR):
        session = db.session()
        tables = session.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'quota_dimension'")
        ).scalars()
        return "".join(
            str(row[0]) for table in tables for row in session.execute(text(f'SELECT t::text FROM "{table}" AS t'))
        )


def wrong_words(page: str, language: str, known: str, typed: Iterable[str] = ()) -> set[str]:
    """What a page in this language says that is not of it. `known` is what was entered before, `typed` just now."""
    shown = readable(page)
    for one in sorted(typed, key=len, reverse=True):
        shown = shown.replace(one, " ")
    if language == "en":
        return japanese_words(shown, known)
    return foreign_words(re.sub(r"\btest:[0-9a-f-]+", "", shown))


def _flat(values: Iterable[Any]) -> list[str]:
    """The texts among what a form sends, without ids, which no page shows, and what is too short to be a word."""
    texts = [str(one) for value in values for one in (value if isinstance(value, list) else [value])]
    return [text for text in texts if len(text) > 2 and not UUID.search(text)]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("role", ROLES)
def test_every_page_and_every_refusal_of_one_is_in_its_language(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], role: Role, language: str
) -> None:
    visit = visit_as(role)
    known = entered()
    wrong: dict[str, set[str]] = {}
    statuses: set[int] = set()
    for endpoint, address in pages(web, sample).items():
        answer = visit.get(f"{address}{'&' if '?' in address else '?'}lang={language}")
        if endpoint in LEFT_OUT or answer.mimetype != "text/html" or answer.location is not None:
            continue
        statuses.add(answer.status_code)
        if found := wrong_words(answer.text, language, known, PUBLISHED):
            wrong[endpoint] = found

    assert wrong == {}, wrong
    assert {200, 403} <= statuses


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_confirm_page_and_every_refused_form_is_in_its_language(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Right texts with what carrying it out would refuse, right texts without, and the wrong example of each field."""
    known = entered()
    wrong: dict[str, set[str]] = {}
    statuses: Counter[int] = Counter()
    visits = {role: visit_as(role) for role in Role if role in sample.people}

    def look(name: str, visit: Visit, address: str, texts: dict[str, Any]) -> None:
        answer = visit.submit(f"{address}?lang={language}", step="confirm", key="k", **texts)
        statuses[answer.status_code] += 1
        if found := wrong_words(answer.text, language, known + str(texts), _flat(texts.values())):
            wrong[f"{name} {answer.status_code}"] = found

    pages_of_commands = [one for one in ENTRY_POINTS if one.page is not None]
    for entry_point in pages_of_commands:
        given = given_fields(entry_point, sample)
        visit, address = visits[holder(entry_point)], page_address(entry_point, given)
        right = typed_texts(entry_point, given) | hidden_texts(entry_point, given)
        name = entry_point.handler.name
        look(name, visit, address, right)
        with monkeypatch.context() as patch:
            patch.setattr(CommandHandler, "try_out", lambda *_, **__: None)
            look(name, visit, address, right)
        mistakes = {one.name: one.field_type.wrong[0][0] for one in entry_point.fields() if one.field_type.wrong}
        # The form itself fills what stands in its hidden fields.
        filled = {one.name for one in entry_point.fields() if is_name_for_programs(one)} | set(given)
        look(name, visit, address, right | {field: text for field, text in mistakes.items() if field not in filled})
        look(name, visit, address, {field: text for field, text in right.items() if field in filled})

    assert wrong == {}, wrong
    assert statuses[200] > len(pages_of_commands) / 2
    assert statuses[422] > len(pages_of_commands) / 2


@pytest.mark.slow
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_file_of_a_list_is_in_its_language(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], language: str
) -> None:
    known = entered()
    wrong: dict[str, set[str]] = {}
    seen = set()
    for role in ROLES:
        visit = visit_as(role)
        for endpoint, address in pages(web, sample, file_kind="csv").items():
            answer = visit.get(f"{address}{'&' if '?' in address else '?'}lang={language}")
            if answer.mimetype != "text/csv" or answer.status_code != 200:
                continue
            seen.add(endpoint)
            # The audit log's file has what is stored in columns of its own; their heads are for readers.
            lines = answer.data.decode("utf-8-sig").splitlines()[: 1 if endpoint == "audit.audit_file" else None]
            name = unquote(answer.headers["Content-Disposition"].partition("UTF-8''")[2].rpartition(".")[0])
            shown = "\n".join((name, *lines))
            found = wrong_words(shown, "ja", known) if language == "ja" else japanese_words(shown, known)
            if found:
                wrong[endpoint] = found

    assert wrong == {}, wrong
    assert len(seen) >= 6


@pytest.mark.slow
def test_every_paper_is_in_japanese(web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]) -> None:
    wrong: dict[str, set[str]] = {}
    seen = set()
    for role in (Role.OPERATOR_FINANCE, Role.TENANT_OWNER):
        visit = visit_as(role)
        for endpoint, address in pages(web, sample).items():
            answer = visit.get(address)
            if answer.mimetype != "application/pdf":
                continue
            seen.add(endpoint)
            text = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(answer.data)).pages)
            if found := foreign_words(text):
                wrong[endpoint] = found

    assert wrong == {}, wrong
    assert len(seen) >= 3


@pytest.mark.parametrize("language", ["ja", "en"])
def test_whoever_is_not_signed_in_reads_pages_in_their_language(
    sample: ConsoleSample, stranger: Visit, language: str
) -> None:
    known = entered()
    ask = f"lang={language}"
    answers = [
        stranger.get(f"/login?{ask}"),
        stranger.get(f"/login?{ask}&other=1"),
        stranger.get(f"/login?{ask}&q=%E7%86%8A%E6%9C%AC"),
        stranger.get(f"/login?{ask}&q=432058"),
        stranger.get(f"/login?{ask}&q=nowhere"),
        stranger.get(f"/login/callback?{ask}&state=unknown&code=c"),
        stranger.get(f"/login/432016?{ask}"),
        stranger.get(f"/no-such-page?{ask}"),
        stranger.post(f"/login?{ask}"),
        stranger.post(f"/logout?{ask}"),
    ]

    # The list offers every municipality of the prefecture by its name, also those that take no part yet.
    known += stranger.get("/login?lang=ja").text
    assert {answer.status_code for answer in answers} >= {200, 404, 405}
    for answer in answers:
        if answer.mimetype == "text/html" and answer.status_code != 303:
            assert wrong_words(answer.text, language, known, ["432058", "nowhere"]) == set(), answer.request.url


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("<p>「applied」なので</p>", {"applied"}),
        ('<a aria-label="Open">開く</a>', {"Open"}),
        ("<title>Home – Moyai</title>", {"Home"}),
        ("<svg><text>basis</text></svg>", {"basis"}),
        ("<p>CSV を Excel で。<code>moyai up</code></p>", set()),
    ],
)
def test_the_guard_reads_what_a_page_says_to_eyes_and_ears(given: str, found: set[str]) -> None:
    assert wrong_words(given, "ja", "") == found
    assert wrong_words("<p>熊本市 is one of 参加団体</p>", "en", "熊本市") == {"参加団体"}


def test_an_entry_of_a_run_has_a_number_that_offices_can_quote(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    address = f"/ledger/{sample.tenant_id}/entries/{sample.entry_id}"

    assert "R7-負担金-01" in visit.get(address).text
    assert "FY2025 contribution 01" in visit.get(f"{address}?lang=en").text
    assert "allocation:2025" not in visit.get(f"{address}?lang=ja").text


def test_a_plain_user_is_said_only_of_who_is_nothing_else(web: Flask) -> None:
    with web.test_request_context():
        assert roles_label(["tenant-member", "tenant-owner"]) == "団体管理者"
        assert roles_label(["tenant-member"]) == "利用者"
        assert roles_label([]) == ""


def test_dimensions_and_amounts_are_english_in_english(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    page = visit_as(Role.TENANT_OWNER).get(f"/tenants/{sample.tenant_id}/quotas?lang=en").text

    assert "service clients" in page
    assert "API calls" in page
    assert "保存容量" not in page
    assert yen(-628_493, "en") == "−¥628,493"
    assert yen(-628_493, "ja") == "▲628,493円"


def test_a_planned_service_client_is_called_by_its_name(web: Flask) -> None:
    tenant_id, client_id = new_id(), new_id()
    planned = f"service client {service_client_name(tenant_id, client_id)}"

    with web.test_request_context("/?lang=ja"):
        assert object_label(planned, {str(client_id): "統計連携"}) == "連携システム 統計連携"
