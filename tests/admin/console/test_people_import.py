"""A municipality's people by file, at the page, over the API and at the command line."""

from __future__ import annotations

import base64
import csv
import html
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.people import queries
from tenancy.people.sections import ChangeSection, change_section
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import recorded, rows

VisitAs = Callable[[Role], Visit]

HEADER = "姓,名,所属,メールアドレス,役割,開始日,操作\n"
GOOD = HEADER + "肥後,花子,総務課,hanako@city.example.jp,会計担当,,\n"
WRONG = (
    GOOD
    + "肥後,次郎,税務課,jiro@city,,,\n肥後,三郎,税務課,saburo@city.example.jp,市長,,\n"
    + "肥後,四郎,税務課,shiro@city.example.jp,,令和9年2月30日,\n"
)
CELLS = (
    (3, "メールアドレス", "jiro@city", "メールアドレスとして使えません"),
    (4, "役割", "市長", "役割「市長」は使えません"),
    (5, "開始日", "令和9年2月30日", "という日はありません"),
)
"""Line, column, what stands there and why it is refused, of the three rows of WRONG that are."""
TABLES = ("member", "role_grant", "member_section", "job")


def _send(visit: Visit, address: str, text: str, reason: str = "4月1日の人事異動") -> str:
    file = (io.BytesIO(text.encode("cp932")), "people.csv")
    fields = {"csrf_token": visit.token, "step": "confirm", "key": "k", "content": file, "reason": reason}
    answer: TestResponse = visit.post(address, data=fields)
    return html.unescape(visit.get(answer.location).text)


def test_an_owner_sees_a_verdict_for_each_row_and_imports_the_whole(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_OWNER)
    address = f"/tenants/{sample.tenant_id}/people/import"
    people = f"/tenants/{sample.tenant_id}/people"
    before = [rows(name) for name in TABLES]

    refused, verdict = _send(visit, address, WRONG), _send(visit, address, GOOD)

    assert "4行のうち3行に誤りがあります" in refused
    table = refused[refused.index("<table") : refused.index("</table>")]
    shown = [re.sub(r"<[^>]+>", " ", row) for row in table.split("<tr")[2:]]
    assert len(shown) == len(CELLS)
    for text, (line, *cell) in zip(shown, CELLS, strict=True):
        assert re.search(rf"\b{line}\b", text)
        assert all(part in text for part in cell), (text, cell)
    assert "1行すべて取り込めます" in verdict
    assert "総務課" in verdict
    assert "＋会計担当（団体）" in verdict
    assert "読み取った形式: CP932" in verdict
    assert [rows(name) for name in TABLES] == before
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', verdict))
    done = visit.submit(address, **{**hidden, "csrf_token": visit.token, "step": "apply"})
    assert done.status_code == 303
    assert "追加 1" in visit.get(done.location).text
    assert all(one in visit.get(people).text for one in ("hanako@city.example.jp", "総務課", address))
    assert "理由" in _send(visit, address, GOOD, reason="")


def test_the_page_names_the_columns_and_gives_a_template_to_those_who_may(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    address = f"/tenants/{sample.tenant_id}/people/import"
    visit = visit_as(Role.TENANT_USER_ADMIN)

    page, template = visit.get(address).text, visit.get(f"{address}/template.csv")

    (header,) = csv.reader(io.StringIO(template.data.decode("utf-8-sig")))
    assert header == HEADER.strip().split(",")
    assert all(f">{heading}" in page for heading in header)
    assert visit_as(Role.TENANT_FINANCE).get(address).status_code == 403
    assert visit_as(Role.TENANT_FINANCE).get(f"{address}/template.csv").status_code == 403
    assert visit_as(Role.OPERATOR_ONBOARDING).get(address).status_code == 200


def test_the_api_says_row_by_row_what_it_would_do_and_does_it_once(
    sample: ConsoleSample, caller_as: Callable[[Role], Caller]
) -> None:
    owner = caller_as(Role.TENANT_OWNER)
    place = f"/tenants/{sample.tenant_id}"
    good, wrong = (
        {"content": base64.b64encode(text.encode()).decode(), "reason": "4月1日の人事異動"} for text in (GOOD, WRONG)
    )

    before = [rows(name) for name in TABLES]

    previewed = owner.send(f"{place}/member-import-previews", wrong)
    refused = owner.send(f"{place}/member-imports", wrong)

    assert previewed.status_code == 201, previewed.text
    assert [row["accepted"] for row in previewed.json["rows"]] == [True, False, False, False]  # type: ignore[index]
    assert previewed.json["rows"][0]["section"] == "総務課"  # type: ignore[index]
    named = [
        (row["line"], one["column"], one["given"], one["reason"])
        for row in previewed.json["rows"]  # type: ignore[index]
        for one in row["problems"]
    ]
    assert [one[:3] for one in named] == [one[:3] for one in CELLS]
    assert all(reason in said for (*_, said), (*_, reason) in zip(named, CELLS, strict=True))
    assert previewed.json["rows"][0]["roles_granted"] == ["tenant-finance"]  # type: ignore[index]
    assert (refused.status_code, refused.json["code"]) == (422, "import.refused")  # type: ignore[index]
    assert [one["field"] for one in refused.json["errors"]] == [  # type: ignore[index]
        "content",
        *(f"content.{line}.{column}" for line, column, *_ in CELLS),
    ]
    assert recorded("members.imported") == []
    assert [rows(name) for name in TABLES] == before
    columns = owner.get("/member-import-columns").json["items"]  # type: ignore[index]
    assert [one["name"] for one in columns][:3] == ["family_name", "given_name", "section"]
    once = [owner.send(f"{place}/member-imports", good, Idempotency_Key="april") for _ in range(2)]
    assert [answer.status_code for answer in once] == [201, 201]
    assert once[0].json == once[1].json
    assert len(recorded("members.imported")) == 1
    assert caller_as(Role.TENANT_MEMBER).send(f"{place}/member-imports", good).status_code == 403


@pytest.mark.parametrize("check", [True, False])
def test_the_command_line_names_each_wrong_cell_and_changes_nothing(
    sample: ConsoleSample, moyai: Moyai, tmp_path: Path, check: bool
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(WRONG.encode("cp932"))
    before = [rows(name) for name in TABLES]

    code, answer, text = moyai(
        "member", "import", "431001", str(path), "--reason", "異動", *(["--check"] if check else [])
    )

    assert code == 2
    named = text.splitlines() if check else [f"{one['field']} {one['message']}" for one in answer["error"]["errors"]]
    for line, *cell in CELLS:
        assert any(str(line) in one and all(part in one for part in cell) for one in named), (line, named)
    assert [rows(name) for name in TABLES] == before
    path.write_bytes(GOOD.encode())
    code, imported, _ = moyai("member", "import", "431001", str(path), "--reason", "異動", "--key", "april")
    assert (code, imported["added"]) == (0, 1)


def test_the_list_that_was_downloaded_changes_nobody_when_it_is_imported(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    """Its columns that the template has; its others (state, last sign-in …) are named as unknown, not passed over."""
    visit = visit_as(Role.TENANT_OWNER)
    address = f"/tenants/{sample.tenant_id}/people/import"
    with tenant_scope(OPERATOR):
        ahead = {one.member_id for one in queries.planned_role_changes(db.session(), sample.tenant_id, clock.now())}
        every = queries.members(db.session(), sample.tenant_id, clock.now())
    others = {one.email: one.id for one in every if one.id not in ahead}
    change_section(
        ChangeSection(
            tenant_id=sample.tenant_id, member_id=next(iter(others.values())), section="税務課", reason="異動"
        ),
        actor=sample.people[Role.TENANT_OWNER],
    )
    before = [rows(name) for name in TABLES]
    exported = visit.get(f"/tenants/{sample.tenant_id}/people.csv").data.decode("utf-8-sig")
    # Whose roles are to change already is refused by a rule of its own.
    people = [one for one in csv.DictReader(io.StringIO(exported)) if one["メール"] in others]
    read = ["姓", "名", "所属", "メール", "役割"]
    lines = [",".join([*read, "操作"]), *(",".join([*(one[name] for name in read), "変更"]) for one in people)]

    verdict = _send(visit, address, "\n".join(lines))
    refused = _send(visit, address, exported)

    assert "税務課" in [one["所属"] for one in people]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', verdict))
    assert visit.submit(address, **{**hidden, "csrf_token": visit.token, "step": "apply"}).status_code == 303
    assert [rows(name) for name in TABLES] == before
    assert "最終ログイン" in refused
