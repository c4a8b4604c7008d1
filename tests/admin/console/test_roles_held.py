"""役割の保有記録 on the screen and as a file: who may read it, the moment in the address, and nobody else's people."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest

from governance.permissions import Role
from tests.admin.api.conftest import Caller
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]


@pytest.fixture
def theirs(sample: ConsoleSample) -> None:
    """Somebody of another tenant."""
    sample.factory.add_person(sample.other_id, "canary@example.jp", family_name="八代", given_name="次郎")


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page))


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize("role", [Role.TENANT_OWNER, Role.TENANT_USER_ADMIN, Role.TENANT_AUDITOR])
def test_a_municipality_reads_its_own_people_only(sample: ConsoleSample, visit_as: VisitAs, role: Role) -> None:
    visit = visit_as(role)

    page = visit.get("/roles-held")
    of_another = visit.get(f"/roles-held?tenant={sample.other_id}").text
    file = visit.get(f"/roles-held.csv?tenant={sample.other_id}")

    assert page.status_code == 200
    assert "団体管理者" in page.text
    assert "令和7年6月2日" in page.text
    for text in (page.text, of_another, file.text):
        assert "八代" not in text
        assert "参加手続担当（県）" not in text
    assert len(list(csv.reader(io.StringIO(file.text)))) == 1
    assert 'name="tenant"' not in page.text


@pytest.mark.parametrize("role", [Role.TENANT_CLIENT_ADMIN, Role.TENANT_FINANCE, Role.TENANT_MEMBER])
def test_others_of_a_municipality_do_not_read_it(
    sample: ConsoleSample, visit_as: VisitAs, caller_as: Callable[[Role], Caller], role: Role
) -> None:
    visit = visit_as(role)

    assert visit.get("/roles-held").status_code == visit.get("/roles-held.csv").status_code == 403
    assert caller_as(role).get("/roles-held").status_code == 403
    assert 'href="/roles-held"' not in visit.get("/").text


@pytest.mark.usefixtures("theirs")
def test_the_operator_reads_everybody_or_one_tenant_and_takes_it_as_a_file(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)

    page = text_of(visit.get("/roles-held?person=八代").text)
    header, *rows = csv.reader(io.StringIO(visit.get(f"/roles-held.csv?tenant={sample.other_id}").text))
    named = visit.get("/roles-held?person=だれもいない").text
    finance = list(csv.reader(io.StringIO(visit.get("/roles-held.csv?role=tenant-finance").text)))

    assert "八代 次郎" in page
    assert header[1:8] == ["団体", "姓", "名", "メールアドレス", "役割", "開始", "終了"]
    assert [row[1:6] for row in rows] == [["八代市", "八代", "次郎", "canary@example.jp", "利用者"]]
    # Somebody of the prefecture's who is no member in this sample added them.
    assert rows[0][8] == "県の担当者"
    assert "その時点で役割を持っている人はいません" in named
    assert {row[5] for row in finance[1:]} == {"会計担当（団体）"}


def test_the_moment_stands_in_the_address_and_none_to_come_is_answered(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.TENANT_OWNER)

    before = visit.get("/roles-held?on=R7.6.1").text
    then = visit.get("/roles-held?on=2025-06-02&time=10:00").text
    ahead = visit.get("/roles-held?on=2025-06-03").text

    assert "その時点で役割を持っている人はいません" in before
    assert "団体管理者" in then.partition("<table")[2]
    assert "まだ来ていません" in ahead
    assert "<table" not in ahead
    assert visit.get("/roles-held.csv?on=2025-06-03").status_code == 422


@pytest.mark.usefixtures("theirs")
def test_the_api_answers_the_same_and_refuses_what_it_cannot_read(
    sample: ConsoleSample, caller_as: Callable[[Role], Caller]
) -> None:
    owner = caller_as(Role.TENANT_OWNER)

    own = owner.get("/roles-held?limit=200").get_json()["items"]
    of_another = owner.get(f"/roles-held?tenant_id={sample.other_id}").get_json()["items"]
    past = owner.get("/roles-held?on=2025-06-01").get_json()["items"]

    assert {one["tenant_id"] for one in own} == {str(sample.tenant_id)}
    assert "tenant-owner" in {one["role"] for one in own}
    assert of_another == past == []
    assert owner.get("/roles-held?on=2025-06-02&time=24:00").status_code == 422
    assert owner.get("/roles-held?on=2025-06-03").status_code == 422
