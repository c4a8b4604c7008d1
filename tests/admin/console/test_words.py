"""Every page in both languages: no stored name, key, UUID or English word in Japanese, no Japanese in English.

What people entered is as they entered it: names, sources, reasons. The reference for programs and the files are left
out, and so is what stands behind 「詳細（記録のまま）」.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Final

import pytest
from flask import Flask
from sqlalchemy import text

from admin.features.cohorts.pages import object_label
from admin.interface.formats import yen
from admin.interface.labels import roles_label
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy.keycloak.port import service_client_name
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_pages import pages
from tests.admin.visitors import Visit

LEFT_OUT: Final = frozenset({"system.api_reference"})

HIDDEN: Final = re.compile(
    r'<(script|style|svg|textarea|code)\b.*?</\1>|<details class="raw">.*?</details>'
    r'|<[^>]*class="code[^"]*"[^>]*>[^<]*|<[^>]+>',
    re.DOTALL,
)
UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ASCII_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_@.:/-]*[A-Za-z0-9]")
JAPANESE: Final = re.compile("[\u3040-\u30ff\u4e00-\u9fff々]+")

ALLOWED: Final = frozenset(
    {
        *("API", "CP932", "CSV", "Excel", "GiB", "ID", "JSON", "JWK", "Keycloak", "Moyai", "PDF", "SHA-256", "SIEM"),
        *(
            "SMTP_URL",
            "Set",
            "URL",
            "moyai",
            "keycloak",
            "configure",
            "keys",
            "UTF-8",
            "km",
            "English",
            "Japanese",
            "BOM",
        ),
        *("R2.10.1", "R7.4.1", "R8.3.31", "R8.4.1", "name@example.lg.jp", "example.lg.jp"),
        *("ZIP", "code6", "kana", "kind", "name_en", "name_ja", "source"),
    }
)
"""Names that offices write as they are, examples of what to type, and the columns of a file of municipalities."""

EXAMPLES: Final = frozenset({"日本語", "御中", "長", "様", "熊本市", "令和", "年", "月", "日", "均等割", "国勢調査"})
"""What an English page quotes: languages in their own, how a paper addresses a city, an era."""

ENTERED: Final = re.compile(r"@example\.(?:lg\.)?jp|^https?://|^siem\.|^test:|^[A-Z]?[0-9a-f]{8}$")
"""What the sample's people entered: addresses, references of entries, and the beginnings of digests."""


def visible(page: str) -> str:
    """What a page shows as text."""
    body = page[page.index("<main") :] if "<main" in page else page
    return unescape(HIDDEN.sub(" ", body))


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


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.OPERATOR_ONBOARDING, Role.OPERATOR_FINANCE, Role.TENANT_OWNER])
def test_no_japanese_page_has_a_word_of_a_program(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], role: Role
) -> None:
    visit = visit_as(role)
    wrong: dict[str, set[str]] = {}
    for endpoint, address in pages(web, sample).items():
        answer = visit.get(address)
        if endpoint in LEFT_OUT or answer.mimetype != "text/html" or answer.status_code != 200:
            continue
        shown = visible(answer.text)
        words = {word for word in ASCII_WORD.findall(shown) if word not in ALLOWED and not ENTERED.search(word)}
        if found := words | set(UUID.findall(re.sub(r"\btest:[0-9a-f-]+", "", shown))):
            wrong[endpoint] = found

    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.OPERATOR_ONBOARDING, Role.OPERATOR_FINANCE, Role.TENANT_OWNER])
def test_no_english_page_has_japanese_but_what_was_entered(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], role: Role
) -> None:
    visit = visit_as(role)
    known = entered()
    wrong: dict[str, set[str]] = {}
    for endpoint, address in pages(web, sample).items():
        answer = visit.get(f"{address}{'&' if '?' in address else '?'}lang=en")
        if endpoint in LEFT_OUT or answer.mimetype != "text/html" or answer.status_code != 200:
            continue
        if found := {run for run in JAPANESE.findall(visible(answer.text)) if run not in known} - EXAMPLES:
            wrong[endpoint] = found

    assert wrong == {}


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
