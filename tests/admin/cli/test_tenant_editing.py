"""`moyai tenant edit|statistic|contact|contact-remove`: what is known about a tenant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy.tenants import queries
from tenancy.tenants.states import TenantState
from tests.admin.cli.command_line import Moyai
from tests.database_rows import recorded, rows
from tests.factories import TO_PROVISIONING, Factory

CONTACT = ("--section", "総務課", "--name", "肥後 花子", "--email", "soumu@city.kumamoto.lg.jp")
CENSUS = ("--on", "2020-10-01", "--source", "国勢調査")


@pytest.fixture
def city(factory: Factory) -> UUID:
    return factory.kumamoto_city()


def _tenant(tenant_id: UUID) -> dict[str, Any]:
    with tenant_scope(OPERATOR):
        row = queries.tenant(db.session(), tenant_id)
        fields = ("code", "name", "kana", "name_en", "valid_from", "version")
        return {field: getattr(row, field) for field in fields}


def test_what_is_named_is_changed_and_the_rest_stays(moyai: Moyai, city: UUID) -> None:
    before = _tenant(city)

    code, edited, _ = moyai("tenant", "edit", "431001", "--name-en", "Kumamoto City", "--from", "2026-04-01")

    assert (code, edited) == (0, {"version": 2})
    after = _tenant(city)
    assert (after["name_en"], after["valid_from"].isoformat()) == ("Kumamoto City", "2026-04-01")
    assert {**after, "name_en": None, "valid_from": None, "version": 1} == before


def test_a_merger_gives_another_code_and_name(moyai: Moyai, city: UUID) -> None:
    _, edited, _ = moyai("tenant", "edit", "431001", "--code", "432024", "--name", "八代市", "--kana", "ヤツシロシ")

    assert edited == {"version": 2}
    assert (_tenant(city)["code"], _tenant(city)["name"]) == ("432024", "八代市")


def test_what_may_be_empty_is_emptied(moyai: Moyai, city: UUID) -> None:
    moyai("tenant", "edit", "431001", "--name-en", "Kumamoto City", "--from", "2026-04-01")

    code, _, _ = moyai("tenant", "edit", "431001", "--clear", "name-en", "--clear", "valid-from")

    assert code == 0
    assert (_tenant(city)["name_en"], _tenant(city)["valid_from"]) == (None, None)
    moyai("tenant", "edit", "431001", "--name-en", "Kumamoto City", "--valid-from", "R8.4.1")

    _, _, notice = moyai("tenant", "edit", "431001", "--without", "name-en", "--without", "from")

    assert "--clear" in notice
    assert (_tenant(city)["name_en"], _tenant(city)["valid_from"]) == (None, None)


def test_the_same_edit_again_changes_nothing(moyai: Moyai, city: UUID) -> None:
    words = ("tenant", "edit", "431001", "--name-en", "Kumamoto City")

    assert moyai(*words)[:2] == moyai(*words)[:2]
    assert len(recorded("tenant.edited")) == 1


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("431001", "--code", "432025"), "code.check_digit", "--code"),
        (("431002", "--name", "熊本市"), "code.check_digit", "CODE"),
        (("431001", "--name", ""), "text.empty", "--name"),
        (("431001", "--kana", "クマモト\u3000"), "text.edge_space", "--kana"),
        (("431001", "--name-en", "x" * 121), "text.too_long", "--name-en"),
        (("431001", "--clear", "code"), "tenant.code_missing", "--code"),
        (("431001", "--from", "2026-02-30"), "date.no_such_day", "--valid-from"),
        (("431001", "--name-en", "Kumamoto", "--clear", "name-en"), "usage", "--clear"),
        (("431001", "--clear", "name"), "usage", "clear"),
    ],
)
def test_what_a_tenant_cannot_become_is_refused_with_what_was_typed(
    moyai: Moyai, city: UUID, words: tuple[str, ...], reason: str, field: str
) -> None:
    before = _tenant(city)

    assert moyai.refusal("tenant", "edit", *words) == (2, reason, field)
    assert _tenant(city) == before


def test_a_code_of_somebody_else_is_refused(moyai: Moyai, factory: Factory, city: UUID) -> None:
    factory.aso_city()
    before = rows("tenant")

    assert moyai.refusal("tenant", "edit", "431001", "--code", "432148") == (1, "tenant.already_registered", "--code")
    assert rows("tenant") == before


def test_the_first_day_is_not_moved_once_onboarding_has_begun(moyai: Moyai, factory: Factory, city: UUID) -> None:
    factory.change_state(city, *TO_PROVISIONING)
    before = _tenant(city)

    refused = moyai.refusal("tenant", "edit", "431001", "--from", "2026-04-01")

    assert refused == (1, "tenant.membership_began", "--valid-from")
    assert _tenant(city) == before


def test_a_figure_is_recorded_with_its_day_and_source(moyai: Moyai, city: UUID) -> None:
    code, recorded_figure, _ = moyai("tenant", "statistic", "431001", "population", "738865", *CENSUS)

    assert (code, recorded_figure["supersedes_id"]) == (0, None)
    with tenant_scope(OPERATOR):
        (row,) = queries.statistics(db.session(), city)
        assert (str(row.id), row.value, row.basis_date.isoformat(), row.source) == (
            recorded_figure["statistic_id"],
            "738865",
            "2020-10-01",
            "国勢調査",
        )


def test_a_corrected_figure_supersedes_and_the_same_again_does_not(moyai: Moyai, city: UUID) -> None:
    _, first, _ = moyai("tenant", "statistic", "431001", "population", "７３８，８５６人", *CENSUS)

    _, second, _ = moyai("tenant", "statistic", "431001", "population", "738865", *CENSUS)
    _, again, _ = moyai("tenant", "statistic", "431001", "population", "738865", *CENSUS)

    assert second["supersedes_id"] == first["statistic_id"]
    assert again == second
    assert len(rows("statistic")) == 2


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("431001", "population", "73,88", *CENSUS), "statistic.invalid_value", "VALUE"),
        (("431001", "population", "約７０万", *CENSUS), "statistic.invalid_value", "VALUE"),
        (
            ("431001", "population", "1", "--on", "2099-10-01", *CENSUS[2:]),
            "statistic.basis_date_wrong",
            "--basis-date",
        ),
        (("431001", "population", "1", *CENSUS[:3], ""), "text.empty", "--source"),
        (("431001", "happiness", "1", *CENSUS), "usage", "kind"),
        (("431001", "population", "1", "--source", "国勢調査"), "input.wrong", "--basis-date"),
    ],
)
def test_what_is_no_figure_is_refused_with_what_was_typed(
    moyai: Moyai, city: UUID, words: tuple[str, ...], reason: str, field: str
) -> None:
    assert moyai.refusal("tenant", "statistic", *words) == (2, reason, field)
    assert rows("statistic") == []


def test_a_contact_is_named_replaced_and_removed(moyai: Moyai, city: UUID) -> None:
    _, first, _ = moyai("tenant", "contact", "431001", "finance", *CONTACT, "--phone", "096-328-2111")
    _, second, _ = moyai("tenant", "contact", "431001", "finance", *CONTACT[:3], "肥後 次郎", *CONTACT[4:])

    assert second == first
    with tenant_scope(OPERATOR):
        (row,) = queries.contacts(db.session(), city)
        assert (str(row.id), row.purpose, row.section, row.name, row.phone) == (
            first["contact_id"],
            "finance",
            "総務課",
            "肥後 次郎",
            None,
        )
    assert moyai("tenant", "contact-remove", "431001", "finance")[:2] == (0, first)
    assert rows("contact") == []


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("finance", *CONTACT[:5], "soumu"), "text.not_an_address", "--email"),
        (("finance", *CONTACT, "--phone", "内線12"), "input.wrong", "--phone"),
        (("finance", "--section", "", *CONTACT[2:]), "text.empty", "--section"),
        (("gossip", *CONTACT), "usage", "purpose"),
    ],
)
def test_what_is_no_contact_is_refused_with_what_was_typed(
    moyai: Moyai, city: UUID, words: tuple[str, ...], reason: str, field: str
) -> None:
    assert moyai.refusal("tenant", "contact", "431001", *words) == (2, reason, field)
    assert rows("contact") == []


def test_a_contact_that_is_not_there_is_not_removed(moyai: Moyai, city: UUID) -> None:
    moyai("tenant", "contact", "431001", "finance", *CONTACT)
    before = rows("contact")

    assert moyai.refusal("tenant", "contact-remove", "431001", "security") == (1, "not_found", "PURPOSE")
    assert rows("contact") == before


def test_a_tenant_that_is_not_there_has_nothing_to_know(moyai: Moyai) -> None:
    assert moyai.refusal("tenant", "edit", "431001", "--name", "熊本市")[:2] == (1, "not_found")
    assert moyai.refusal("tenant", "statistic", "431001", "population", "1", *CENSUS)[:2] == (1, "not_found")
    assert moyai.refusal("tenant", "contact", "431001", "finance", *CONTACT)[:2] == (1, "not_found")
    assert (rows("statistic"), rows("contact")) == ([], [])


def test_a_tenant_that_was_edited_is_shown_so(moyai: Moyai, city: UUID) -> None:
    moyai("tenant", "edit", "431001", "--name-en", "Kumamoto City")

    by_code, by_id = moyai("tenant", "show", "431001")[1], moyai("tenant", "show", str(city))[1]

    assert (by_code["name_en"], by_code["version"], by_code["state"]) == ("Kumamoto City", 2, TenantState.APPLIED)
    assert by_id == by_code


def test_what_is_known_of_a_tenant_is_listed(moyai: Moyai, city: UUID) -> None:
    moyai("tenant", "statistic", "431001", "population", "738865", *CENSUS)
    moyai("tenant", "contact", "431001", "finance", *CONTACT)
    moyai("tenant", "change-state", "431001", "screening", "--reason", "審査のため")

    (statistic,) = moyai("tenant", "statistics", "431001")[1]["statistics"]
    (contact,) = moyai("tenant", "contacts", "431001")[1]["contacts"]
    (change,) = moyai("tenant", "state-changes", "431001")[1]["state_changes"]

    assert (statistic["kind"], statistic["value"], statistic["basis_date"]) == ("population", "738865", "2020-10-01")
    assert (contact["purpose"], contact["name"], contact["phone"]) == ("finance", "肥後 花子", None)
    assert (change["from_state"], change["to_state"], change["reason"]) == ("applied", "screening", "審査のため")
    assert "738865" in moyai.text("tenant", "statistics", "431001")[1]
