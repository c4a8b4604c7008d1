"""Search finds tenants, people and notices by what is known of them, and nothing that one may not read."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest

from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from tenancy.people.models import MemberDetails
from tenancy.people.queries import members
from tenancy.tenants.commands import EditTenant, edit_tenant
from tests.admin.console.conftest import ConsoleSample
from tests.admin.console.test_issuing_notices import text_of
from tests.admin.visitors import Visit

VisitAs = Callable[[Role], Visit]


def _found(visit: Visit, words: str) -> list[str]:
    """Where the links of the results lead."""
    page = visit.get("/search", query_string={"q": words})
    assert page.status_code == 200
    return re.findall(r'<th scope="row"><a href="([^"]*)"', page.text)


def _people(tenant_id: UUID) -> list[MemberDetails]:
    with tenant_scope(OPERATOR):
        return members(db.session(), tenant_id, clock.now())


@pytest.mark.parametrize("words", ["熊本市", "431001"])
def test_a_tenant_is_found_by_name_and_code(sample: ConsoleSample, visit_as: VisitAs, words: str) -> None:
    found = _found(visit_as(Role.OPERATOR_AUDITOR), words)

    assert f"/tenants/{sample.tenant_id}" in found
    assert f"/tenants/{sample.other_id}" not in found


@pytest.mark.parametrize("words", ["アソシ", "あそし", "ｱｿｼ", "そ"])
def test_a_tenant_is_found_by_kana_however_it_is_typed(sample: ConsoleSample, visit_as: VisitAs, words: str) -> None:
    tenant_id = sample.factory.aso_city()

    assert _found(visit_as(Role.OPERATOR_AUDITOR), words) == [f"/tenants/{tenant_id}"]


def test_a_tenant_is_found_by_what_it_was_called_before(sample: ConsoleSample, visit_as: VisitAs) -> None:
    tenant_id, visit = sample.factory.aso_city(), visit_as(Role.OPERATOR_AUDITOR)
    formerly = ["阿蘇市", "アソシ", "432148"]
    before = [_found(visit, words) for words in formerly]
    edit_tenant(
        EditTenant(
            tenant_id=tenant_id,
            version=1,
            code="432164",
            name="肥後北市",
            kana="ヒゴキタシ",
            name_en=None,
            valid_from=None,
        ),
        actor=sample.people[Role.OPERATOR_ONBOARDING],
    )

    assert before == [_found(visit, words) for words in formerly] == [[f"/tenants/{tenant_id}"]] * 3
    assert _found(visit, "肥後北市") == [f"/tenants/{tenant_id}"]
    # Whoever looked for 阿蘇市 reads why 肥後北市 is there.
    shown = [text_of(visit.get("/search", query_string={"q": words}).text) for words in (*formerly, "肥後北市")]
    assert [re.findall(r"旧: (\S+)", page) for page in shown] == [["阿蘇市"], ["阿蘇市"], ["阿蘇市"], []]
    assert [_found(visit_as(Role.TENANT_OWNER), words) for words in formerly] == [[], [], []]


def test_a_person_is_found_by_address_and_by_name_with_or_without_the_space(
    sample: ConsoleSample, visit_as: VisitAs
) -> None:
    person, visit = _people(sample.tenant_id)[0], visit_as(Role.OPERATOR_AUDITOR)
    address = f"/tenants/{sample.tenant_id}/people/{person.id}"

    for words in (
        person.email,
        person.email.upper(),
        f"{person.family_name} {person.given_name}",
        f"{person.family_name}{person.given_name}",
    ):
        assert address in _found(visit, words), words


@pytest.mark.parametrize("words", ["Van Dyke", "vandyke", "VAN DYKE MARIA", "vdyke@"])
def test_a_name_in_latin_letters_is_found_however_it_is_spaced_and_cased(
    sample: ConsoleSample, visit_as: VisitAs, words: str
) -> None:
    added = sample.factory.add_person(
        sample.tenant_id, "VDyke@kumamoto.example.jp", Role.TENANT_MEMBER, family_name="Van Dyke", given_name="Maria"
    )

    found = _found(visit_as(Role.OPERATOR_AUDITOR), words)

    assert found == [f"/tenants/{sample.tenant_id}/people/{added.member_id}"]


def test_a_notice_is_found_by_its_number(sample: ConsoleSample, visit_as: VisitAs) -> None:
    visit = visit_as(Role.OPERATOR_FINANCE)

    assert _found(visit, "2025-01-431001") == [f"/notices/{sample.notice_id}"]
    assert f"/notices/{sample.other_notice_id}" in _found(visit, "2025-01")


def test_another_tenants_things_are_never_found(sample: ConsoleSample, visit_as: VisitAs) -> None:
    owner, operator = visit_as(Role.TENANT_OWNER), visit_as(Role.OPERATOR_AUDITOR)
    theirs = ["八代市", "432024", "2025-01-432024"]

    assert all(_found(operator, words) for words in theirs), "they are there"
    assert [_found(owner, words) for words in theirs] == [[], [], []]
    assert _found(owner, "熊本市") == [f"/tenants/{sample.tenant_id}"]


def test_what_one_may_not_read_is_not_found(sample: ConsoleSample, visit_as: VisitAs) -> None:
    person = _people(sample.tenant_id)[0]
    member, owner = visit_as(Role.TENANT_MEMBER), visit_as(Role.TENANT_OWNER)

    for words in (person.email, "2025-01-431001"):
        assert _found(owner, words) != []
        assert _found(member, words) == []


@pytest.mark.parametrize("words", ["", "  ", "%", "_", "!", "'", "どこにもない"])
def test_nothing_is_found_by_no_words_and_signs_are_only_signs(visit_as: VisitAs, words: str) -> None:
    assert _found(visit_as(Role.OPERATOR_AUDITOR), words) == []


def test_the_header_of_every_page_leads_there(visit_as: VisitAs) -> None:
    header = visit_as(Role.TENANT_MEMBER).get("/").text.split("</header>", 1)[0]

    assert re.search(r'<form class="find" method="get" action="/search"', header)
    assert '<label class="visually-hidden" for="find">' in header
