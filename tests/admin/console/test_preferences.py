"""設定: how a person's own pages change by what they saved, that files and everybody else's pages do not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from python_calamine import CalamineWorkbook

from admin.core.language import COOKIE
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.preferences.queries import saved_preferences
from tests.admin.api.conftest import Caller
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import recorded, rows

VisitAs = Callable[[Role], Visit]
USUAL = {"language": "ja", "date_notation": "era", "table_density": "comfortable", "digest_mail": "never"}


def save(visit: Visit, key: str = "a", **chosen: str) -> Any:
    return visit.submit("/preferences", step="apply", key=key, **{**USUAL, **chosen})


def saved_of(sample: ConsoleSample, role: Role) -> Any:
    actor = sample.people[role]
    with tenant_scope(OPERATOR):
        return saved_preferences(db.session(), actor.tenant_id, UUID(actor.id))


def chosen_on(page: str) -> dict[str, str]:
    """Which choice each select of the form stands on."""
    selects = re.findall(r'<select id="(\w+)"(.*?)</select>', page.partition("<main")[2], re.S)
    return {name: value for name, body in selects for value in re.findall(r'value="([^"]+)" selected', body)}


def test_the_person_menu_leads_to_the_form_which_says_what_is_usual(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_MEMBER)

    header = visit.get("/").text.split("<header>", 1)[1].split("</header>", 1)[0]
    page = visit.get("/preferences").text

    assert '<a href="/preferences">設定</a>' in header
    assert chosen_on(page) == USUAL
    assert "保存しました" not in page
    assert rows("person_preferences") == []


@pytest.mark.parametrize("role", [Role.TENANT_AUDITOR, Role.OPERATOR_AUDITOR, Role.TENANT_MEMBER])
def test_whoever_may_only_read_saves_their_own(sample: ConsoleSample, visit_as: VisitAs, role: Role) -> None:
    visit = visit_as(role)

    done = save(visit, table_density="dense")

    assert (done.status_code, done.location) == (303, "/preferences?done=saved")
    page = visit.get(done.location).text
    assert "保存しました。" in page
    assert chosen_on(page) == {**USUAL, "table_density": "dense"}


def test_dates_and_years_are_western_for_who_wants_it_and_for_nobody_else(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    finance, other = visit_as(Role.OPERATOR_FINANCE), visit_as(Role.OPERATOR_AUDITOR)
    before = finance.get(f"/notices/{sample.notice_id}").text

    save(finance, date_notation="western")

    after, costs = finance.get(f"/notices/{sample.notice_id}").text, finance.get("/costs").text
    assert "令和7年6月" in before
    assert "2025年6月" in after
    assert "2025年度" in costs
    shown = re.sub(r"<[^>]+>", " ", costs.partition("<main")[2])
    assert not re.search(r"令和[0-9元]+年", shown.replace("令和7年度参加", "")), shown
    assert "令和7年度" in other.get("/costs").text
    # The next request of anybody begins with what is usual.
    assert "2025年度" not in visit_as(Role.OPERATOR_APPROVER).get("/costs").text


def test_a_form_proposes_and_understands_a_date_in_the_readers_notation(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    save(visit, date_notation="western")
    entered = {"title": "停止", "text": "停止します。", "shown_until": "2025年6月30日（月）"}

    review = visit.submit("/announcements/new", step="confirm", key="n", **entered)

    assert "2025年6月30日（月）" in review.text
    assert "令和7年6月30日" not in review.text
    assert "2025年度" in visit_as(Role.OPERATOR_ONBOARDING).get("/costs").text


def test_files_are_the_same_whatever_their_reader_chose(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    address = f"/allocations/{sample.run_id}/shares.xlsx"
    before = visit.get(address)

    save(visit, date_notation="western")
    after = visit.get(address)

    assert before.status_code == after.status_code == 200
    assert after.headers["Content-Disposition"] == before.headers["Content-Disposition"]
    sheets = [CalamineWorkbook.from_filelike(io.BytesIO(one.data)).get_sheet_by_index(0) for one in (before, after)]
    assert sheets[0].to_python() == sheets[1].to_python()


def test_the_language_is_kept_with_the_person_and_not_only_in_the_browser(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.TENANT_OWNER)

    done = visit.submit("/preferences/language", language="en", back="/agreements?state=x")

    assert (done.status_code, done.location) == (303, "/agreements?state=x")
    assert '<html lang="en">' in visit.get("/agreements").text
    # Another browser, without the cookie.
    assert '<html lang="en">' in visit_as(Role.TENANT_OWNER).get("/agreements").text
    assert '<html lang="ja">' in visit_as(Role.TENANT_FINANCE).get("/agreements").text
    # The page before the sign-in on this browser.
    cookie = visit.get_cookie(COOKIE, domain=visit.public_url.removeprefix("https://"))
    assert cookie is not None
    assert cookie.value == "en"
    assert saved_of(sample, Role.TENANT_OWNER).language == "en"


def test_the_switch_keeps_the_other_preferences(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_OWNER)
    save(visit, date_notation="western", table_density="dense")

    visit.submit("/preferences/language", language="en", back="/")

    saved = saved_of(sample, Role.TENANT_OWNER)
    assert (saved.language, saved.date_notation, saved.table_density) == ("en", "western", "dense")


@pytest.mark.parametrize("back", ["https://example.com/", "//example.com", "/\\example.com", ""])
def test_the_switch_leads_back_to_pages_of_ours_only(sample: ConsoleSample, visit_as: VisitAs, back: str) -> None:
    done = visit_as(Role.TENANT_OWNER).submit("/preferences/language", language="en", back=back)

    assert (done.status_code, done.location) == (303, "/")


def test_without_its_token_the_switch_changes_nothing(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_OWNER)

    refused = visit.post("/preferences/language", data={"language": "en", "back": "/"})

    assert refused.status_code == 400
    assert rows("person_preferences") == []


def test_what_waits_leads_to_the_choice_of_its_mail(sample: ConsoleSample, visit_as: VisitAs) -> None:
    page = visit_as(Role.TENANT_OWNER).get("/approvals").text

    assert '<a href="/preferences">対応待ちを朝のメールで受け取る</a>' in page


def test_dense_rows_are_a_class_of_the_page(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    usual = visit.get("/costs").text

    save(visit, table_density="dense")

    assert "<body" in usual
    assert '<body class="dense"' not in usual
    assert '<body class="dense"' in visit.get("/costs").text


def test_over_the_api_each_reads_and_replaces_their_own(
    sample: ConsoleSample, caller_as: Callable[[Role], Caller]
) -> None:
    owner, finance = caller_as(Role.TENANT_OWNER), caller_as(Role.TENANT_FINANCE)

    saved = owner.send("/preferences", {**USUAL, "date_notation": "western"}, method="PUT")
    named = owner.send("/preferences", {**USUAL, "person_id": sample.people[Role.TENANT_FINANCE].id}, method="PUT")

    assert (saved.status_code, named.status_code) == (200, 422)
    assert owner.get("/preferences").json == {**USUAL, "date_notation": "western"}
    assert finance.get("/preferences").json == USUAL
    assert [str(one.subject) for one in recorded("preferences.saved")] == [sample.people[Role.TENANT_OWNER].id]


def test_the_audit_log_says_it_in_a_sentence(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_OWNER)

    save(visit, date_notation="western")

    assert "自分の設定を変えた" in visit.get("/audit").text
    assert "Changed their own preferences" in visit.get("/audit?lang=en").text
