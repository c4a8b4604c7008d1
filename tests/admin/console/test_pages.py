"""Each page answers each role as the table of permissions says, shows one's own rows only, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from flask import Flask
from sqlalchemy import text

from admin.bootstrap import settings_of
from admin.core.guard import permission_of
from admin.features import blueprints
from governance.actors import command_line_actor
from governance.audit.commands import RecordRestore, record_restore
from governance.audit.seal import seal
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Permission, Role, permissions_of
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit

ROLES: Final = [role for role in Role if role.startswith(("operator-", "tenant-"))]

BLUEPRINTS: Final = {blueprint.name for blueprint in blueprints()}
LEFT_OUT: Final = frozenset({"onboarding.onboarding", "system.static", "tenants.hand_back_file"})
"""About what only a running installation has, which the journeys open; and files, which are no pages."""


OF_ONE_PERSON: Final = frozenset(
    {
        *("preferences.filter_renaming", "preferences.filter_deleting"),
        *("memberships.consent_giving", "memberships.consent_declining", "sign_in.session_ending"),
    }
)
"""About a filter or a session of the person of onboarding; and what a tenant asks somebody, who is none of these."""

FOR_OPERATORS: Final = frozenset(
    {
        *("tenants.tenants", "ledger.books", "ledger.book", "ledger.book_file", "ledger_entries.entry"),
        "ledger.books_file",
        *("ledger_entries.entry_related", "ledger_entries.entry_history"),
        "agreements.acceptances",
    }
)
"""A municipality is led from there to its own: its record, its contributions, the agreement itself."""


OF_THE_OPERATOR: Final = frozenset(
    {
        "allocation.allocation",
        "allocation.allocation_related",
        "allocation.allocation_documents",
        "allocation.allocation_history",
        "allocation.shares_file",
        "notices.notices_archive",
        "notices.notices_print",
        "rules.rule_version_history",
        "plans.plan_history",
        "costs.cost",
        "costs.cost_related",
        "costs.cost_history",
        "clients.system",
        "clients.system_related",
        "clients.system_documents",
        "clients.system_history",
    }
)
"""About what is the operator's own: runs, whose shares are the members', costs, what was done about rules and plans."""


def pages(web: Flask, sample: ConsoleSample, **other: Any) -> dict[str, str]:
    """Every page of the console that a GET reaches → an address of it, about the first member unless said otherwise."""
    known = {
        "tenant_id": sample.tenant_id,
        "run_id": sample.run_id,
        "share_id": sample.share_id,
        "notice_id": sample.notice_id,
        "request_id": sample.quota_request_id,
        "version_id": sample.version_id,
        "member_id": sample.member_id,
        "item_id": sample.item_id,
        "rule_version_id": sample.rule_version_id,
        "entry_id": sample.entry_id,
        "approval_id": sample.approval_id,
        "client_id": sample.operators_client_id,
        "webhook_id": sample.webhook_id,
        "plan_id": sample.plan_id,
        "announcement_id": sample.announcement_id,
        "filter_id": sample.filter_id,
        "grant_id": sample.grant_id,
        "token_id": sample.token_id,
        "check_id": sample.check_id,
        "renaming_id": sample.renaming_id,
        "change_id": sample.change_id,
        "application_id": sample.application_id,
        "attachment_id": sample.attachment_id,
        "review_id": sample.review_id,
        "session_id": sample.session_id,
        "hour_id": sample.hour_id,
        "purpose": "finance",
        "file_kind": "xlsx",
        "name": "fy2025-two",
        "fiscal_year": 2025,
        "action": "edited",
        **other,
    }
    found, left_out = {}, set()
    with web.test_request_context():
        for rule in web.url_map.iter_rules():
            if rule.endpoint.partition(".")[0] not in BLUEPRINTS or "GET" not in (rule.methods or ()):
                continue
            if rule.arguments <= set(known):
                values = dict(known)
                if rule.endpoint.startswith("rules."):
                    values["version_id"] = sample.rule_version_id  # An agreement has versions, too.
                if rule.endpoint.startswith("clients.system"):
                    values["tenant_id"] = sample.factory.actors.operator_tenant  # Whose the system is.
                elif rule.endpoint.startswith("clients.") and "tenant_id" in rule.arguments:
                    values["client_id"] = sample.client_id  # A municipality's is suspended, the operator's stopped.
                found[rule.endpoint] = web.url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})
            else:
                left_out.add(rule.endpoint)
    assert left_out == LEFT_OUT
    return found


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_each_page_answers_each_role_as_the_table_of_permissions_says(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], role: Role
) -> None:
    visit = visit_as(role)
    held = permissions_of(sample.people[role].roles)

    wrong = []
    for endpoint, address in pages(web, sample).items():
        answer = visit.get(address)
        permission = permission_of(web, endpoint)
        if permission not in held:
            expected = {403}
        elif role is not Role.OPERATOR_ONBOARDING and endpoint in OF_ONE_PERSON:
            expected = {404}
        elif role.startswith("tenant-") and endpoint in FOR_OPERATORS:
            expected = {303}
        elif role.startswith("tenant-") and endpoint in OF_THE_OPERATOR:
            expected = {404}
        elif endpoint in ("notices.notice_sample", "notices.notice_plan_file"):
            expected = {404 if role.startswith("tenant-") else 409}  # They were issued; there is no plan of them.
        elif role.startswith("tenant-") and endpoint == "approvals.approval":
            expected = {404}  # It is the operator's own.
        else:
            expected = {200}
        if answer.status_code not in expected:
            wrong.append((endpoint, address, answer.status_code))

    assert wrong == []


@pytest.mark.slow
def test_a_stranger_is_led_to_the_sign_in_from_every_page(web: Flask, sample: ConsoleSample, stranger: Visit) -> None:
    found = pages(web, sample)
    assert stranger.get(found.pop("system.api_reference")).status_code == 200
    for endpoint, address in found.items():
        answer = stranger.get(address)
        assert answer.status_code == 303, endpoint
        assert answer.headers["Location"].startswith("/login"), endpoint


@pytest.mark.slow
def test_another_tenants_things_answer_as_if_absent(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit = visit_as(Role.TENANT_OWNER)
    others = {
        "tenant_id": sample.other_id,
        "share_id": sample.other_share_id,
        "notice_id": sample.other_notice_id,
    }
    absent = dict.fromkeys(others, "01900000-0000-7000-8000-000000000000")

    own, theirs, nobodys = pages(web, sample), pages(web, sample, **others), pages(web, sample, **absent)
    asked = [endpoint for endpoint, address in theirs.items() if address != own[endpoint]]

    assert len(asked) > 8
    for endpoint in asked:
        mine, none = visit.get(theirs[endpoint]), visit.get(nobodys[endpoint])
        assert (mine.status_code, none.status_code) in ((404, 404), (403, 403)), endpoint
        assert "八代市" not in mine.text, endpoint


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.OPERATOR_ONBOARDING, Role.OPERATOR_FINANCE, Role.TENANT_OWNER])
def test_looking_at_every_page_changes_nothing(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], role: Role
) -> None:
    visit = visit_as(role)
    before = _all_rows()

    for address in pages(web, sample).values():
        visit.get(address)

    assert _all_rows() == before


@pytest.mark.slow
def test_every_page_has_one_heading_its_language_and_no_inline_style(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    for endpoint, address in pages(web, sample).items():
        answer = visit.get(address)
        if answer.mimetype != "text/html" or answer.status_code != 200 or endpoint.endswith("_progress"):
            continue
        page = answer.text
        assert page.count("<h1>") == 1, endpoint
        assert '<html lang="ja">' in page, endpoint
        assert "style=" not in page, endpoint
        assert "<style" not in page, endpoint
        assert page.count('class="button filled"') + page.count('<button class="filled"') <= 2, endpoint
        assert len(answer.data) < 150_000, endpoint


def test_english_pages_say_the_same_in_english(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    page = visit.get("/?lang=en").text

    assert '<html lang="en">' in page
    assert "Active members" in page
    assert "FY2025" in page
    assert "参加中の団体" not in page


def test_the_example_says_so_on_its_pages(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "例示データ" not in visit_as(Role.OPERATOR_FINANCE).get("/").text

    monkeypatch.setitem(web.jinja_env.globals, "is_example", True)

    assert "例示データ" in visit_as(Role.OPERATOR_FINANCE).get("/").text


def test_who_was_named_from_the_command_line_stands_on_every_operators_first_page_and_on_no_other(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit], moyai: Moyai
) -> None:
    named = ("--family-name", "例示", "--given-name", "名指", "--email", "named@pref.example.jp")
    assert moyai("member", "add", "430005", *named, "--role", "operator-auditor")[0] == 0

    for role in ROLES:
        shown = "例示 名指" in visit_as(role).get("/", headers={"Accept-Language": "ja"}).text
        assert shown is role.startswith("operator-"), role


def test_a_page_that_asks_nothing_of_anybody_is_not_there(web: Flask) -> None:
    asked = {
        rule.endpoint: permission_of(web, rule.endpoint)
        for rule in web.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] in BLUEPRINTS | {"interface"}
    }
    assert None not in asked.values()
    assert {endpoint for endpoint, permission in asked.items() if permission is Permission.PUBLIC} == {
        "interface.static",
        "interface.htmx",
        # The API's document is public (decision 0038).
        "system.api_reference",
        "system.static",
    }


def _all_rows() -> dict[str, int | str]:
    """Every table's number of rows and newest content, but the sessions', which note that they are used."""
    with tenant_scope(OPERATOR):
        tables = [
            row.table_name
            for row in db.session.execute(
                text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
            )
        ]
        found = {}
        for table in tables:
            if table in ("web_session", "alembic_version") or table.startswith("huey"):
                continue
            found[table] = db.session.execute(
                text(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} AS t")
            ).scalar_one()
        return found


def test_the_verification_names_each_finding_and_every_head(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)
    seal(settings_of(web).audit_files)
    intact = visit.get("/audit/verification").text
    settings_of(web).audit_files.tips_file.unlink()
    tampered = visit.get("/audit/verification").text

    assert "改変はありません" in intact
    assert f"{sample.tenant_id}:" in intact
    assert "末尾の控えのファイルがない" in tampered
    assert "改変はありません" not in tampered
    assert "/audit/verification" in visit.get("/audit").text


def test_a_restore_is_named_on_the_page_of_the_verification(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)
    seal(settings_of(web).audit_files)
    before = visit.get("/audit/verification").text
    taken_at = datetime(2026, 11, 23, 1, 2, tzinfo=UTC)
    record_restore(
        RecordRestore(taken_at=taken_at, version="0.3.0", manifest="0" * 64, heads={}),
        actor=command_line_actor(sample.factory.actors.operator_tenant),
    )

    after = visit.get("/audit/verification").text

    assert "バックアップからの復元" not in before
    assert "バックアップからの復元" in after
    assert "令和8年11月23日（月）10:02" in after


def test_without_the_audit_logs_key_pages_and_changes_go_on_and_the_verification_says_it(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    seal(settings_of(web).audit_files)
    settings_of(web).audit_files.key_file.unlink()

    sample.factory.record(1_000_000, name="追加")
    page = visit_as(Role.OPERATOR_AUDITOR).get("/audit/verification")

    assert page.status_code == 200
    assert "封印の鍵のファイルがないか、読めない" in page.text
    assert "改変はありません" not in page.text
    assert "追加" in visit_as(Role.OPERATOR_FINANCE).get("/costs").text
    assert not settings_of(web).audit_files.key_file.exists()
