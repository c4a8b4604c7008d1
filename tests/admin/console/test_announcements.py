"""お知らせ on the screen: written and confirmed on the form, read by whom it went to, counted for the operator."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from uuid import UUID

import pytest

from governance.permissions import Role
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import rows

VisitAs = Callable[[Role], Visit]
ENTERED = {
    "title": "計画停止の延期",
    "text": "6月8日の停止を\n15日に延期します。",
    "shown_until": "令和7年6月30日",
    "asks_confirmation": "true",
}


def recipients_on(page: str) -> list[str]:
    return re.findall(r"熊本市|八代市|益城町|人吉市", page)


def test_it_is_reviewed_with_everyone_it_goes_to_and_published_once(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit, before = visit_as(Role.OPERATOR_ONBOARDING), len(rows("announcement"))

    review = visit.submit("/announcements/new", step="confirm", key="a", **ENTERED)
    unpublished = len(rows("announcement"))
    done = visit.submit("/announcements/new", step="apply", key="a", **ENTERED)
    again = visit.submit("/announcements/new", step="apply", key="a", **ENTERED)

    assert set(recipients_on(review.text)) == {"熊本市", "八代市", "益城町"}
    assert "3団体" in review.text
    assert "6月8日の停止を\n15日に延期します。</span>" in review.text
    assert unpublished == before
    assert (done.status_code, again.headers["Location"]) == (303, done.headers["Location"])
    page = visit.get(done.headers["Location"]).text
    assert "掲載しました" in page
    assert "確認の状況 0／3" in page
    assert len(rows("announcement")) == before + 1
    assert "お知らせ「計画停止の延期」を3団体に掲載した" in re.sub("<[^>]+>", "", visit.get("/audit").text)


def test_tenants_are_chosen_in_the_form(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)

    form = visit.get(f"/announcements/new?tenant_ids={sample.other_id}").text
    review = visit.submit("/announcements/new", step="confirm", key="b", tenant_ids=str(sample.other_id), **ENTERED)
    both = visit.submit(
        "/announcements/new", step="confirm", key="c", tenant_ids=str(sample.other_id), state="active", **ENTERED
    )

    assert re.findall(r'value="([^"]+)" checked', form) == [str(sample.other_id)]
    # Nobody is asked to confirm unless it is chosen.
    assert re.findall(r'<option value="(true|false)" selected', form) == ["false"]
    assert set(recipients_on(review.text.partition("<main")[2])) == {"八代市"}
    assert both.status_code == 422
    assert 'href="#tenant_ids"' in both.text


def test_people_of_a_chosen_tenant_read_it_on_their_first_page_and_confirm_it(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    asked = sample.factory.announce(sample.tenant_id, title="確認のお願い", asks_confirmation=True)
    finance, member = visit_as(Role.TENANT_FINANCE), visit_as(Role.TENANT_MEMBER)
    address = f"/tenants/{sample.tenant_id}/announcements/{asked}/confirm"

    home, listed, page = (finance.get(path).text for path in ("/", "/announcements", f"/announcements/{asked}"))
    plain = member.get(f"/announcements/{asked}").text
    done = finance.submit(address, step="apply", key="k")
    second = visit_as(Role.TENANT_OWNER).submit(address, step="apply", key="k2")

    assert "確認のお願い" in home
    assert "要確認" in home
    assert "確認のお願い" in listed
    assert address in page
    assert "夜間に停止します。" in plain
    assert address not in plain
    assert done.status_code == 303
    assert "県に伝わりました" in finance.get(done.headers["Location"]).text
    assert second.status_code == 409
    assert address not in finance.get(f"/announcements/{asked}").text
    assert "要確認" not in finance.get("/").text
    operator = visit_as(Role.OPERATOR_AUDITOR).get(f"/announcements/{asked}").text
    assert "確認の状況 1／1" in operator
    assert "確認済み" in operator


def test_a_tenant_it_did_not_go_to_finds_nothing(sample: ConsoleSample, visit_as: VisitAs) -> None:
    theirs = sample.factory.announce(sample.other_id, title="八代市だけに", asks_confirmation=True)
    visit = visit_as(Role.TENANT_OWNER)

    assert visit.get(f"/announcements/{theirs}").status_code == 404
    assert visit.get(f"/announcements/{theirs}/recipients.csv").status_code == 404
    assert visit.get(f"/tenants/{sample.tenant_id}/announcements/{theirs}/confirm").status_code == 404
    assert all("八代市だけに" not in visit.get(path).text for path in ("/", "/announcements", "/approvals"))


def test_a_withdrawn_one_is_gone_from_the_pages_of_tenants(sample: ConsoleSample, visit_as: VisitAs) -> None:
    operator, owner = visit_as(Role.OPERATOR_ONBOARDING), visit_as(Role.TENANT_OWNER)
    address = f"/announcements/{sample.announcement_id}"

    before = owner.get("/").text
    done = operator.submit(f"{address}/withdraw", step="apply", key="w", reason="日付の誤り")

    assert "計画停止のお知らせ" in before
    assert done.status_code == 303
    page = operator.get(done.headers["Location"]).text
    assert "日付の誤り" in page
    assert f"{address}/withdraw" not in page
    assert owner.get(address).status_code == 404
    assert all("計画停止のお知らせ" not in owner.get(path).text for path in ("/", "/announcements"))
    assert "計画停止のお知らせ" in operator.get("/announcements?state=withdrawn").text


def test_file_api_and_command_line_say_who_confirmed(
    sample: ConsoleSample, visit_as: VisitAs, caller_as: Callable[[Role], Caller], moyai: Moyai
) -> None:
    asked = sample.factory.announce(title="確認のお願い", asks_confirmation=True)
    owner = caller_as(Role.TENANT_OWNER)
    confirmed = owner.send(f"/tenants/{sample.tenant_id}/announcements/{asked}/confirmation", method="POST")

    file = visit_as(Role.OPERATOR_ONBOARDING).get(f"/announcements/{asked}/recipients.csv?state=confirmed")
    own = owner.ask("GET", f"/announcements/{asked}/recipients").get_json()["items"]
    code, printed, _ = moyai("announcement", "recipients", str(asked), "--state", "not-confirmed")

    assert confirmed.status_code == 201, confirmed.text
    table = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [row[:3] for row in table[1:]] == [["431001", "熊本市", "確認済み"]]
    assert table[1][4]
    assert [one["code"] for one in own] == ["431001"]
    assert code == 0
    assert [one["code"] for one in printed["recipients"]] == ["432024", "434434"]


@pytest.mark.parametrize("role", [Role.OPERATOR_FINANCE, Role.OPERATOR_AUDITOR])
def test_who_may_not_publish_sees_no_button(sample: ConsoleSample, visit_as: VisitAs, role: Role) -> None:
    visit = visit_as(role)

    assert "/announcements/new" not in visit.get("/announcements").text
    assert visit.get("/announcements/new").status_code == 403
    assert "/withdraw" not in visit.get(f"/announcements/{sample.announcement_id}").text


def test_the_command_line_publishes_and_withdraws(sample: ConsoleSample, moyai: Moyai) -> None:
    words = ("--title", "題名", "--text", "本文", "--shown-until", "2025-06-30", "--tenant", str(sample.other_id))
    code, printed, stderr = moyai("announcement", "publish", *words)
    shown = UUID(printed["announcement_id"])
    withdrawn, _, _ = moyai("announcement", "withdraw", str(shown), "--reason", "誤り")

    assert (code, printed["recipients"], withdrawn) == (0, 1, 0), stderr


def test_those_that_have_not_confirmed_are_reminded_from_the_page_once(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_ONBOARDING)
    sample.factory.add_person(sample.other_id, "owner@432024.example", Role.TENANT_OWNER)
    announced = sample.factory.announce(sample.other_id, title="確認のお願い", asks_confirmation=True)
    address = f"/announcements/{announced}/remind"

    page, form = visit.get(f"/announcements/{announced}").text, visit.get(address).text
    review = visit.submit(address, step="confirm", key="r", tenant_ids=str(sample.other_id)).text
    unsent = rows("announcement_reminder")
    done = visit.submit(address, step="apply", key="r", tenant_ids=str(sample.other_id))
    after = visit.get(done.headers["Location"]).text
    again = visit.submit(address, step="apply", key="s", tenant_ids=str(sample.other_id))

    assert f'href="{address}"' in page
    assert f'name="tenant_ids" value="{sample.other_id}"' in page
    assert re.findall(r'value="([^"]+)" checked', form) == [str(sample.other_id)]
    assert "メール 1通" in re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", review))
    assert "催促する団体 八代市 " in re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", review))
    assert str(sample.other_id) not in re.sub("<[^>]+>", " ", review)
    assert unsent == []
    assert done.status_code == 303
    assert "1団体の団体管理者に" in after
    assert again.status_code == 409
    assert "八代市にお知らせ「確認のお願い」の確認を催促した" in re.sub("<[^>]+>", "", visit.get("/audit").text)
    assert len(rows("announcement_reminder")) == 1
    assert "/remind" not in visit_as(Role.OPERATOR_AUDITOR).get(f"/announcements/{announced}").text


def test_the_command_line_reminds(sample: ConsoleSample, moyai: Moyai) -> None:
    sample.factory.add_person(sample.other_id, "owner@432024.example", Role.TENANT_OWNER)
    announced = str(sample.factory.announce(sample.other_id, title="確認のお願い", asks_confirmation=True))

    code, printed, _ = moyai("announcement", "remind", announced)
    second, refused, _ = moyai("announcement", "remind", announced)

    assert (code, printed["reminded"]) == (0, [str(sample.other_id)])
    assert (second, refused["error"]["code"]) == (1, "announcement.nobody_to_remind")
