"""権限の棚卸し on the screen: started, decided line by line, signed, printed; and refused to whom it is not open."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from pypdf import PdfReader

from governance.grants import grants_in_tenant
from governance.kernel import clock
from governance.kernel.database import db, tenant_scope
from governance.permissions import Role
from tenancy.access_reviews.models import AccessReviewLineFacts
from tenancy.access_reviews.queries import access_reviews, review_lines
from tests.admin.api.conftest import Caller
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import rows

VisitAs = Callable[[Role], Visit]
OWNER, USER_ADMIN, SECURITY = Role.TENANT_OWNER, Role.TENANT_USER_ADMIN, Role.OPERATOR_SECURITY
DAYS = {"as_of": "令和7年6月2日", "due_on": "R7.6.30"}


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page))


def start(sample: ConsoleSample, visit: Visit) -> str:
    """The address of the review that was started on the form."""
    done = visit.submit(f"/tenants/{sample.tenant_id}/access-reviews/start", step="apply", key="start", **DAYS)
    assert done.status_code == 303, done.text
    return str(done.headers["Location"].partition("?")[0])


def lines(sample: ConsoleSample, address: str) -> list[AccessReviewLineFacts]:
    with tenant_scope(sample.tenant_id):
        db.session.rollback()
        return review_lines(db.session(), sample.tenant_id, UUID(address.rpartition("/")[2]), clock.now())


def ended_roles(sample: ConsoleSample) -> int:
    """How many grants of the tenant have an end."""
    with tenant_scope(sample.tenant_id):
        db.session.rollback()
        return sum(one.valid_until is not None for one in grants_in_tenant(db.session(), sample.tenant_id))


def test_an_owner_starts_it_a_user_administrator_decides_and_the_owner_signs(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    owner, admin = visit_as(OWNER), visit_as(USER_ADMIN)
    address = start(sample, owner)
    every = lines(sample, address)
    finance = next(one for one in every if Role.TENANT_FINANCE in one.rights)

    page = admin.get(address).text
    form = admin.get(f"{address}/decide?line_ids={finance.id}").text
    rest = admin.get(f"{address}/decide").text
    early = owner.submit(f"{address}/sign", step="confirm", key="early")
    kept = admin.submit(
        f"{address}/decide", step="apply", key="keep", line_ids=",".join(str(one.id) for one in every), decision="keep"
    )
    reasonless = admin.submit(
        f"{address}/decide",
        step="confirm",
        key="wrong",
        line_ids=str(finance.id),
        decision="end-roles",
        roles="tenant-finance",
    )
    ending = {
        "line_ids": str(finance.id),
        "decision": "end-roles",
        "roles": "tenant-finance",
        "reason": "会計の担当を離れた",
    }
    review = admin.submit(f"{address}/decide", step="confirm", key="end", **ending)
    decided = admin.submit(f"{address}/decide", step="apply", key="end", **ending)
    not_yet = [one.decision for one in lines(sample, address)]
    before = ended_roles(sample)
    review_of_signature = owner.submit(f"{address}/sign", step="confirm", key="sign")
    signed = owner.submit(f"{address}/sign", step="apply", key="sign")

    assert "選んだ行を判断する" in page
    assert f'value="{finance.id}" checked' in form
    assert form.count('name="line_ids"') == 1
    # Without any in the address all that are left are chosen.
    assert rest.count('name="line_ids"') == len(re.findall('name="line_ids" value="[^"]+" checked', rest)) == len(every)
    assert early.status_code == 409
    assert "まだ判断していない行" in early.text
    assert kept.status_code == 303
    assert reasonless.status_code == 422
    assert "理由を入力してください" in reasonless.text
    assert "継続する" in text_of(review.text)
    assert decided.status_code == 303
    assert None not in not_yet
    assert "会計の担当を離れた" in review_of_signature.text
    assert "署名は取り消せません" in review_of_signature.text
    assert signed.status_code == 303, signed.text
    done = text_of(owner.get(signed.headers["Location"]).text)
    assert "署名済み" in done
    assert "選んだ行を判断する" not in done
    assert ended_roles(sample) == before + 1
    assert "権限の棚卸しに署名した" in text_of(owner.get("/audit").text)


def test_what_changed_meanwhile_is_shown_before_the_signature(sample: ConsoleSample, visit_as: VisitAs) -> None:
    owner = visit_as(OWNER)
    address = start(sample, owner)
    every = lines(sample, address)
    auditor = next(one for one in every if Role.TENANT_AUDITOR in one.rights)
    owner.submit(
        f"{address}/decide", step="apply", key="k", line_ids=",".join(str(one.id) for one in every), decision="keep"
    )
    owner.submit(
        f"/tenants/{sample.tenant_id}/people/{auditor.member_id}/end-role",
        step="apply",
        key="e",
        role="tenant-auditor",
        reason="担当替え",
    )
    sample.factory.add_person(sample.tenant_id, "new@example.jp", family_name="新任", given_name="三郎")

    page = owner.get(f"{address}?only=changed").text
    review = owner.submit(f"{address}/sign", step="confirm", key="s").text

    assert "一覧を作ったあとに1行が変わりました" in page
    assert text_of(page.partition("<table")[2].partition("</table>")[0]).count("いま") == 1
    assert "新任 三郎" in page
    assert "一覧を作ったあとに変わったもの" in review
    assert "新任 三郎" in review.partition("基準日より後に加わり")[2]


def test_the_operator_starts_it_everywhere_sees_the_progress_and_reminds(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    security = visit_as(SECURITY)
    sample.factory.add_person(sample.other_id, "owner@yatsushiro.example.jp", Role.TENANT_OWNER)

    form = security.get("/access-reviews/start").text
    review = security.submit("/access-reviews/start", step="confirm", key="m", **DAYS)
    started = security.submit("/access-reviews/start", step="apply", key="m", **DAYS)
    page = text_of(security.get(started.headers["Location"]).text)
    reminding = security.submit("/access-reviews/remind", step="apply", key="r", tenant_ids=str(sample.tenant_id))
    progress = security.get("/access-reviews?state=open").text

    assert "熊本市" in form
    assert "八代市" in review.text
    assert started.status_code == 303
    # 熊本市 signed one on the same day before; its last one counts.
    assert "0／2" in page
    assert reminding.status_code == 303
    assert len(rows("access_review_reminder")) == 1
    assert {"熊本市", "八代市"} <= set(re.findall(r"熊本市|八代市|益城町", progress))
    for role in (Role.OPERATOR_ONBOARDING, Role.OPERATOR_AUDITOR, Role.OPERATOR_FINANCE):
        other = visit_as(role)
        assert other.get("/access-reviews").status_code == 200
        assert other.submit("/access-reviews/start", step="apply", key="x", **DAYS).status_code == 403
        assert other.submit("/access-reviews/remind", step="apply", key="y").status_code == 403
    # Neither does the operator decide or sign for a municipality.
    address = f"/tenants/{sample.tenant_id}/access-reviews/{sample.review_id}"
    assert "署名済み" in security.get(address).text
    for act in ("decide", "sign"):
        assert security.get(f"{address}/{act}").status_code == 403


@pytest.mark.parametrize(
    "role", [Role.TENANT_FINANCE, Role.TENANT_CLIENT_ADMIN, Role.TENANT_MEMBER, Role.TENANT_AUDITOR]
)
def test_others_of_the_municipality_neither_decide_nor_sign(
    sample: ConsoleSample, visit_as: VisitAs, role: Role
) -> None:
    address = start(sample, visit_as(OWNER))
    visit, before = visit_as(role), rows("access_review_line")
    reads = role is Role.TENANT_AUDITOR

    assert visit.get("/access-reviews").status_code == visit.get(address).status_code == (200 if reads else 403)
    decided = visit.submit(
        f"{address}/decide", step="apply", key="k", line_ids=str(lines(sample, address)[0].id), decision="keep"
    )
    signed = visit.submit(f"{address}/sign", step="apply", key="s")

    assert (decided.status_code, signed.status_code) == (403, 403)
    assert rows("access_review_line") == before


def test_another_tenants_review_is_not_there(sample: ConsoleSample, visit_as: VisitAs) -> None:
    sample.factory.add_person(sample.other_id, "owner@yatsushiro.example.jp", Role.TENANT_OWNER, family_name="八代")
    security = visit_as(SECURITY)
    security.submit("/access-reviews/start", step="apply", key="m", tenant_ids=str(sample.other_id), **DAYS)
    with tenant_scope(sample.other_id):
        (theirs,) = [one.id for one in access_reviews(db.session(), clock.today())]
    owner = visit_as(OWNER)

    for place in ("", "/register.pdf", "/register.csv", "/decide", "/sign", "/cancel"):
        for tenant in (sample.other_id, sample.tenant_id):
            assert owner.get(f"/tenants/{tenant}/access-reviews/{theirs}{place}").status_code == 404, place
    assert "八代" not in owner.get("/access-reviews").text


def test_the_register_is_a_document_and_a_file(
    sample: ConsoleSample, visit_as: VisitAs, caller_as: Callable[[Role], Caller]
) -> None:
    auditor = visit_as(Role.TENANT_AUDITOR)
    address = f"/tenants/{sample.tenant_id}/access-reviews/{sample.review_id}"

    pdf = auditor.get(f"{address}/register.pdf")
    with clock.at(clock.now() + timedelta(minutes=10)):
        later = caller_as(Role.OPERATOR_AUDITOR).get(f"{address}/register")
    header, *lines_ = csv.reader(io.StringIO(auditor.get(f"{address}/register.csv").text))
    unsigned = auditor.get(f"{start(sample, visit_as(OWNER))}/register.pdf")

    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.data)).pages)
    assert pdf.mimetype == "application/pdf"
    assert "権限の棚卸し" in words
    assert "熊本市" in words
    assert "山田" in words
    assert "署名されていません" not in words
    # Of a signed review it is the same whenever, and for whomever, it is made.
    assert later.data == pdf.data
    assert header[3:8] == ["氏名・名称", "所属", "役割・許可する操作", "最終ログイン・最終利用", "判断"]
    assert {row[7] for row in lines_} == {"継続する"}
    assert {row[12] for row in lines_} == {"山田 花子"}
    assert "署名されていません" in "".join(page.extract_text() for page in PdfReader(io.BytesIO(unsigned.data)).pages)
