"""利用申請 on the screen: by a stranger with the link, screened by one person, decided by another, admitted."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from admin.workflows.application_links import link_path
from governance.audit.queries import events
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict
from governance.permissions import Role
from tenancy.applications import queries
from tenancy.applications.models import ApplicationFacts
from tenancy.applications.screening import ScreenApplication, screen_application
from tenancy.applications.states import ApplicationState, Attestation
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import rows
from tests.factories import IN_FISCAL_YEAR_2025

VisitAs = Callable[[Role], Visit]


def read(application_id: UUID) -> ApplicationFacts:
    with tenant_scope(OPERATOR):
        return queries.application(db.session(), application_id)


@pytest.fixture
def link(web: Flask, sample: ConsoleSample) -> str:
    """The page of the sample's draft."""
    return link_of(web, sample.application_id)


def link_of(web: Flask, application_id: UUID) -> str:
    return link_path(web.config["MOYAI"].session_secret, application_id, 1)


def typed(**other: str) -> dict[str, str]:
    """What somebody types into the form, in full width here and there."""
    return {
        "kind": "town",
        "code": "４３４４４２",
        "name": "甲佐町",
        "kana": "コウサマチ",
        "representative_title": "町長",
        "representative_name": "﨑山 一郎",
        "administrator_family_name": "﨑山",
        "administrator_given_name": "次郎",
        "administrator_email": "jiro@town.kosa.lg.jp",
        "contact_section": "総務課",
        "contact_name": "﨑山 次郎",
        "contact_email": "jiro@town.kosa.lg.jp",
        "contact_phone": "096-234-0000",
        "purpose": "河川の水位を住民に知らせる。",
        "services": "api-read",
        "planned_people": "１２",
        "planned_calls": "3,000",
        "egress": "lgwan",
        "egress_addresses": "203.0.113.10",
        "first_day": "令和8年4月1日",
        "declares_no_antisocial": "true",
        **other,
    }


def attach(visit: Visit, link: str, content: bytes, name: str) -> TestResponse:
    data = {"key": str(len(content)), "content": (io.BytesIO(content), name)}
    return visit.post(f"{link}/files", data=data, content_type="multipart/form-data")


def approval_of(visit: Visit, request: str) -> dict[str, str]:
    """What the form of a request sends to approve exactly what it shows."""
    page = visit.get(request).text
    hidden = dict(re.findall(r'name="(digest|shown_digest)" value="([^"]+)"', page))
    return {"decision": "approved", **hidden}


def text_of(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", answer.text))


def test_a_stranger_begins_fills_in_attaches_and_submits_without_an_account(
    sample: ConsoleSample, stranger: Visit
) -> None:
    begun = stranger.submit("/apply", key="b", name="甲佐町", email="jiro@town.kosa.lg.jp", language="ja")
    again = stranger.submit("/apply", key="b", name="甲佐町", email="jiro@town.kosa.lg.jp", language="ja")
    link = begun.headers["Location"].partition("?")[0]
    page = stranger.get(link)

    assert (begun.status_code, again.headers["Location"]) == (303, begun.headers["Location"])
    assert "下書き" in page.text
    assert "待っている相手 申請者" in text_of(page)

    with tenant_scope(OPERATOR):
        terms = [str(one) for one in queries.required_versions(db.session(), clock.today())]
    form = stranger.get(f"{link}/form").text
    assert f'name="terms_version_ids" value="{terms[0]}"' in form
    assert stranger.get(f"{link}/terms/{terms[0]}").status_code == 200
    saved = stranger.submit(f"{link}/form", key="s", version="1", step="confirm", **typed(terms_version_ids=terms[0]))
    twice = stranger.submit(f"{link}/form", key="s", version="1", step="confirm", **typed(terms_version_ids=terms[0]))
    assert (saved.status_code, twice.status_code) == (303, 303), saved.text
    assert saved.headers["Location"] == f"{link}/submit"
    assert attach(stranger, link, b"%PDF-1.7", "決裁.pdf").status_code == 303

    review = stranger.get(f"{link}/submit")
    assert "434442" in review.text
    assert "令和8年4月1日（水）" in review.text
    version = re.search(r'name="version" value="(\d+)"', review.text)
    assert version is not None
    done = stranger.submit(f"{link}/submit", key="t", version=version[1])
    doubled = stranger.submit(f"{link}/submit", key="t", version=version[1])

    assert (done.status_code, doubled.headers["Location"]) == (303, done.headers["Location"]), done.text
    after = stranger.get(done.headers["Location"])
    assert "申請を受け付けました" in after.text
    assert "待っている相手 県の担当者（審査）" in text_of(after)
    assert len(rows("application_submission")) == 1
    assert stranger.get(f"{link}/form").status_code == 303


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    sample: ConsoleSample, stranger: Visit, link: str
) -> None:
    before = read(sample.application_id)

    wrong = stranger.submit(
        f"{link}/form",
        key="w",
        version=str(before.version),
        step="apply",
        **typed(code="434443", planned_people="多い", egress_addresses="10.0.0.999"),
    )

    assert wrong.status_code == 422
    assert set(re.findall(r'<a href="#(\w+)">', wrong.text)) == {"code", "planned_people", "egress_addresses"}
    assert 'value="﨑山 一郎"' in wrong.text
    assert read(sample.application_id) == before


def test_a_stale_form_keeps_what_was_typed_and_says_so(sample: ConsoleSample, stranger: Visit, link: str) -> None:
    old = read(sample.application_id).version
    stranger.submit(f"{link}/form", key="1", version=str(old), step="apply", **typed(purpose="先の人"))

    late = stranger.submit(f"{link}/form", key="2", version=str(old), step="apply", **typed(purpose="後の人"))

    assert late.status_code == 409
    assert "後の人" in late.text
    assert read(sample.application_id).content.purpose == "先の人"
    assert f'name="version" value="{old + 1}"' in late.text


def test_a_wrong_link_another_ones_and_one_that_ran_out_open_nothing(
    web: Flask, sample: ConsoleSample, stranger: Visit, link: str
) -> None:
    other = sample.factory.apply("八代市", "432024")
    secret = link.rpartition("/")[2]
    file = f"attachments/{sample.attachment_id}"

    assert stranger.get(f"{link}/{file}").data == b"\x89PNG\r\n\x1a\n"
    for path in (f"/apply/{other}/{secret}", f"/apply/{sample.application_id}/{'A' * 43}", f"{link}x"):
        for part in ("", "/form", "/submit", "/files", "/withdraw", f"/{file}"):
            answer = stranger.get(f"{path}{part}")
            assert answer.status_code == 404, path
            assert "山鹿市" not in answer.text
        assert stranger.submit(f"{path}/withdraw", key="x", reason="いたずら").status_code == 404
    # The file of another application is not there under the own link.
    own = link_of(web, other)
    assert stranger.get(f"{own}/{file}").status_code == 404
    assert stranger.submit(f"{own}/remove/{sample.attachment_id}", key="r").status_code == 404
    with clock.at(IN_FISCAL_YEAR_2025 + timedelta(days=61)):
        expired = stranger.get(link)
        refused = stranger.submit(f"{link}/withdraw", key="y", reason="いたずら")

    assert (expired.status_code, refused.status_code) == (404, 404)
    assert "有効期限が過ぎました" in expired.text
    assert read(sample.application_id).state is ApplicationState.DRAFT
    assert len(read(sample.application_id).attachments) == 1


def test_a_form_of_another_site_and_a_guesser_are_refused(sample: ConsoleSample, stranger: Visit, link: str) -> None:
    forged = stranger.post(
        f"{link}/withdraw", data={"key": "f", "reason": "いたずら"}, headers={"Origin": "https://evil.example"}
    )
    guesses = {stranger.get(f"/apply/{sample.application_id}/{number:043}").status_code for number in range(40)}

    assert forged.status_code == 400
    assert guesses == {404, 429}
    assert read(sample.application_id).state is ApplicationState.DRAFT


def test_a_file_that_is_none_of_those_taken_is_refused_on_the_page(
    sample: ConsoleSample, stranger: Visit, link: str
) -> None:
    for content, name in ((b"MZ\x90", "a.pdf"), (b"", "empty.pdf"), (b"%PDF-1.7", "a.html")):
        answer = attach(stranger, link, content, name)
        assert answer.status_code == 422, name
        assert 'href="#content"' in answer.text
    assert len(rows("application_attachment")) == 1


def test_one_screens_another_decides_and_the_applicant_is_admitted(
    sample: ConsoleSample, visit_as: VisitAs, stranger: Visit, link: str
) -> None:
    application_id = sample.application_id
    sample.factory.submit_application(application_id)
    officer, approver = visit_as(Role.OPERATOR_ONBOARDING), visit_as(Role.OPERATOR_APPROVER)
    address = f"/applications/{application_id}"

    assert "審査を待っている利用申請 1件" in officer.get("/approvals").text
    page = officer.get(address).text
    assert "団体コードと名称が、市町村の一覧と一致する" in page
    assert "/conclude" in page
    assert "/conclude" not in approver.get(address).text
    screened = officer.submit(f"{address}/screen", step="apply", key="s", attestations=",".join(Attestation))
    assert screened.status_code == 303, screened.text

    form = officer.get(f"{address}/conclude?outcome=send-back&reasons=purpose&reasons=attachment").text
    assert "・利用目的・利用サービスの説明の不足\n・添付書類の不足・不備" in form
    back: dict[str, Any] = {
        "outcome": "send-back",
        "reasons": "attachment,purpose",
        "letter": "直してください。",
    }
    review = officer.submit(f"{address}/conclude", step="confirm", key="c", **back)
    assert review.status_code == 200, review.text
    asked = officer.submit(f"{address}/conclude", step="apply", key="c", **back)
    assert asked.status_code == 303, asked.text
    request = asked.headers["Location"].partition("?")[0]
    assert "承認者（決定）" in stranger.get(link).text
    own = officer.get(request).text
    assert 'value="approved"' not in own
    decision = approval_of(approver, request)
    assert officer.submit(f"{request}/decide", key="o", **decision).status_code == 403
    assert read(application_id).state is ApplicationState.SCREENING
    decided = approver.submit(f"{request}/decide", key="o", **decision)
    assert decided.status_code == 303, decided.text

    followed = stranger.get(link).text
    assert "補正をお願いします" in followed
    assert "直してください。" in followed
    sample.factory.submit_application(application_id)
    officer.submit(f"{address}/screen", step="apply", key="s2", attestations=",".join(Attestation))
    approval = {"outcome": "approve", "letter": "承認します。"}
    asked = officer.submit(f"{address}/conclude", step="apply", key="c2", **approval)
    request = asked.headers["Location"].partition("?")[0]
    approver.submit(f"{request}/decide", key="o2", **approval_of(approver, request))

    assert "承認し、参加手続を始めていない利用申請 1件" in officer.get("/approvals").text
    review = officer.submit(f"{address}/admit", step="confirm", key="a", first_day="令和8年4月1日")
    assert "髙﨑 太郎（takasaki@city.example.lg.jp）" in review.text, review.text
    assert approver.submit(f"{address}/admit", step="apply", key="a").status_code == 403
    admitted = officer.submit(f"{address}/admit", step="apply", key="a", first_day="令和8年4月1日")
    assert admitted.status_code == 303, admitted.text
    assert admitted.headers["Location"].startswith("/onboardings/")
    assert "参加手続中" in stranger.get(link).text
    assert "利用申請（受付番号1）の決定:承認する" in text_of(officer.get("/audit")).replace(" ", "")


def test_the_staff_enters_one_for_somebody_under_the_own_name(
    sample: ConsoleSample, visit_as: VisitAs, link: str
) -> None:
    officer = visit_as(Role.OPERATOR_ONBOARDING)
    version = read(sample.application_id).version

    assert link in officer.get(f"/applications/{sample.application_id}").text
    assert link not in visit_as(Role.OPERATOR_AUDITOR).get(f"/applications/{sample.application_id}").text
    officer.submit(f"{link}/form", key="s", version=str(version), step="apply", **typed())
    visit_as(Role.TENANT_OWNER).submit(f"{link}/form", key="t", version=str(version + 1), step="apply", **typed())

    with tenant_scope(OPERATOR):
        [first] = [
            one.actor
            for one in events(db.session(), subject=str(sample.application_id), limit=20)
            if one.event == "application.saved"
        ][:1]
    assert first == sample.people[Role.OPERATOR_ONBOARDING].id


def test_nobody_but_the_operators_staff_reads_applications(
    sample: ConsoleSample, visit_as: VisitAs, stranger: Visit
) -> None:
    address = f"/applications/{sample.application_id}"

    assert visit_as(Role.TENANT_OWNER).get(address).status_code == 403
    assert stranger.get(address).status_code == 303
    assert visit_as(Role.OPERATOR_AUDITOR).get(address).status_code == 200
    assert visit_as(Role.OPERATOR_AUDITOR).submit(f"{address}/screen", step="apply", key="k").status_code == 403
    screened = ScreenApplication(application_id=sample.application_id, attestations=())
    with pytest.raises(Conflict):
        screen_application(screened, actor=sample.people[Role.OPERATOR_ONBOARDING])
    assert rows("application_screening") == []
