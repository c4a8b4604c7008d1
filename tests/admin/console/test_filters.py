"""自分の絞り込み: kept, opened by one link, renamed and deleted by their person, and there for nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest

from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.preferences.filters import MAX_FILTERS, SavedFilterFacts, saved_filters
from tests.admin.api.conftest import Caller
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import recorded

VisitAs = Callable[[Role], Visit]
CallerAs = Callable[[Role], Caller]
ACTIVE = "/tenants?state=active&q=%E5%B8%82"


def kept_by(sample: ConsoleSample, role: Role) -> list[SavedFilterFacts]:
    actor = sample.people[role]
    with tenant_scope(OPERATOR):
        return list(saved_filters(db.session(), actor.tenant_id, UUID(actor.id)))


def names_of(sample: ConsoleSample, role: Role) -> list[str]:
    return [one.name for one in kept_by(sample, role)]


def keep(visit: Visit, address: str, name: str, key: str = "a") -> object:
    return visit.submit("/preferences/filters/new", step="apply", key=key, address=address, name=name)


def links_on(page: str) -> dict[str, str]:
    """The filters that stand below the fields of a list."""
    part = page.partition('<div class="own-filters">')[2].partition("</div>")[0]
    return {
        name: address for address, name in re.findall(r'<a class="button slim" href="([^"]+)"[^>]*>([^<]+)</a>', part)
    }


def test_a_filtered_list_offers_to_keep_its_filter_and_shows_it_from_then_on(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    assert 'name="address"' not in visit.get("/tenants?changed=2").text
    plain, filtered = visit.get("/tenants").text, visit.get(f"{ACTIVE}&cursor=").text
    offered = re.search(r'name="address" value="([^"]+)"', filtered)
    assert offered is not None
    address = offered[1].replace("&amp;", "&")
    done = visit.submit("/preferences/filters/new", step="apply", key="a", address=address, name="参加中の市")

    assert 'name="address"' not in plain
    assert address == ACTIVE
    assert (done.status_code, done.location) == (303, ACTIVE)
    listed = visit.get("/tenants").text
    assert links_on(listed) == {"参加中の市": ACTIVE.replace("&", "&amp;")}
    assert 'aria-current="true">参加中の市' in visit.get(ACTIVE).text
    assert 'aria-current="true">参加中の市' in visit.get("/tenants?q=%E5%B8%82&state=active&order=").text
    assert 'aria-current="true">参加中の市' not in visit.get("/tenants?state=active").text
    # Another list, another person.
    assert links_on(visit.get("/announcements").text) == {}
    assert links_on(visit_as(Role.OPERATOR_AUDITOR).get("/tenants").text) == {}


def test_a_click_twice_keeps_it_once(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    for _ in range(2):
        keep(visit, ACTIVE, "市")

    assert names_of(sample, Role.OPERATOR_FINANCE) == ["市"]


def test_a_name_is_kept_once_for_a_list(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)
    keep(visit, ACTIVE, "市")

    again = visit.submit("/preferences/filters/new", step="apply", key="b", address="/tenants?state=trial", name="市")
    keep(visit, "/announcements?state=shown", "市", key="c")

    assert again.status_code == 409
    assert "すでにあります" in again.text
    assert 'value="/tenants?state=trial"' in again.text
    assert [one.address for one in kept_by(sample, Role.OPERATOR_FINANCE)] == ["/announcements?state=shown", ACTIVE]


@pytest.mark.parametrize(
    "address", ["/tenants", "https://example.jp/?a=b", "//example.jp/?a=b", "/tenants//x?a=b", "tenants?a=b", "/t?a=あ"]
)
def test_only_a_filtered_list_of_ours_is_kept(sample: ConsoleSample, caller_as: CallerAs, address: str) -> None:
    refused = caller_as(Role.TENANT_OWNER).send("/saved-filters", {"address": address, "name": "x"})

    assert (refused.status_code, refused.get_json()["code"]) == (422, "filter.not_a_list")
    assert names_of(sample, Role.TENANT_OWNER) == []


def test_it_is_renamed_and_deleted_on_its_page(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.TENANT_OWNER)
    keep(visit, "/audit?q=a", "自分の操作")
    [one] = kept_by(sample, Role.TENANT_OWNER)
    about = str(one.id)

    page = visit.get("/preferences/filters").text
    renamed = visit.submit(f"/preferences/filters/{one.id}/name", step="apply", key="r", name="私の操作")
    after = visit.get(renamed.location).text
    deleted = visit.submit(f"/preferences/filters/{one.id}/delete", step="apply", key="d")

    assert "自分の操作" in page
    assert "操作の記録" in page
    assert "名前を変えました" in after
    assert "私の操作" in after
    assert "削除しました" in visit.get(deleted.location).text
    assert names_of(sample, Role.TENANT_OWNER) == []
    events = [
        event.event
        for what in ("saved", "renamed", "deleted")
        for event in recorded(f"filter.{what}")
        if event.subject == about
    ]
    assert events == ["filter.saved", "filter.renamed", "filter.deleted"]


@pytest.mark.parametrize("role", [Role.TENANT_FINANCE, Role.OPERATOR_SECURITY])
def test_nobody_reads_renames_or_deletes_another_persons(
    sample: ConsoleSample, visit_as: VisitAs, caller_as: CallerAs, role: Role
) -> None:
    keep(visit_as(Role.TENANT_OWNER), "/audit?q=a", "自分の操作")
    [one] = kept_by(sample, Role.TENANT_OWNER)
    visit, caller = visit_as(role), caller_as(role)

    answers = [
        visit.get(f"/preferences/filters/{one.id}/name").status_code,
        visit.get(f"/preferences/filters/{one.id}/delete").status_code,
        caller.send(f"/saved-filters/{one.id}/name", {"name": "x"}, method="PUT").status_code,
        caller.send(f"/saved-filters/{one.id}", None, method="DELETE").status_code,
    ]

    assert answers == [404] * 4
    assert caller.get("/saved-filters").get_json()["items"] == []
    assert "自分の操作" not in visit.get("/preferences/filters").text
    assert names_of(sample, Role.TENANT_OWNER) == ["自分の操作"]


def test_the_audit_log_says_neither_the_name_nor_what_was_looked_for(sample: ConsoleSample, visit_as: VisitAs) -> None:
    keep(visit_as(Role.TENANT_OWNER), "/audit?q=yamada", "山田さんの操作")

    event = recorded("filter.saved")[-1]
    assert event.actor == sample.people[Role.TENANT_OWNER].id
    assert "yamada" not in str(event.facts)
    assert "山田" not in str(event.facts)


def test_there_is_an_end_to_how_many_are_kept(sample: ConsoleSample, caller_as: CallerAs) -> None:
    owner = caller_as(Role.TENANT_OWNER)
    for number in range(MAX_FILTERS):
        assert owner.send("/saved-filters", {"address": "/audit?q=a", "name": f"f{number}"}).status_code == 201

    refused = owner.send("/saved-filters", {"address": "/audit?q=a", "name": "one more"})

    assert (refused.status_code, refused.get_json()["code"]) == (409, "filter.too_many")
    assert len(names_of(sample, Role.TENANT_OWNER)) == MAX_FILTERS
