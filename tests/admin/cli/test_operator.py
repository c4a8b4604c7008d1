"""How a real installation begins: the operator is registered, once, and then its first person."""

from __future__ import annotations

import os
import pwd

import pytest

from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy import directory
from tests.admin.cli.command_line import Moyai
from tests.database_rows import recorded, rows

KUMAMOTO = ("430005", "--name", "熊本県", "--kana", "クマモトケン", "--name-en", "Kumamoto Prefecture")


def test_an_installation_begins_by_registering_the_operator(moyai_unused: Moyai) -> None:
    code, registered, _ = moyai_unused("operator", "register", *KUMAMOTO)

    assert code == 0
    with tenant_scope(OPERATOR):
        operator = directory.operator(db.session())
    assert (str(operator.id), operator.code, operator.name) == (registered["tenant_id"], "430005", "熊本県")
    assert operator.kana == "クマモトケン"
    assert (operator.name_en, operator.state, operator.is_operator) == ("Kumamoto Prefecture", "active", True)


def test_the_record_says_who_at_the_machine_registered_the_operator(moyai_unused: Moyai) -> None:
    _, registered, _ = moyai_unused("operator", "register", *KUMAMOTO)

    (event,) = recorded("operator.registered")
    assert (event.actor, str(event.tenant_id)) == (f"cli:{pwd.getpwuid(os.getuid()).pw_name}", registered["tenant_id"])


def test_a_person_reads_what_was_registered(moyai_unused: Moyai) -> None:
    code, text, _ = moyai_unused.text("operator", "register", *KUMAMOTO)

    assert code == 0
    with tenant_scope(OPERATOR):
        assert text.splitlines() == [f"tenant_id: {directory.operator(db.session()).id}"]


@pytest.mark.parametrize("code", ["430005", "130001"])
def test_a_second_operator_is_refused_and_the_refusal_is_in_the_record(moyai: Moyai, code: str) -> None:
    before = rows("tenant")

    assert moyai.refusal("operator", "register", code, "--name", "東京都", "--kana", "トウキョウト") == (
        1,
        "operator.exists",
        None,
    )
    assert rows("tenant") == before
    assert [event.facts["code"] for event in recorded("operator.registered", "refused")] == ["operator.exists"]


@pytest.mark.parametrize(
    ("words", "reason", "field"),
    [
        (("430006", "--name", "熊本県", "--kana", "クマモトケン"), "code.check_digit", "CODE"),
        (("43000", "--name", "熊本県", "--kana", "クマモトケン"), "code.five_digits", "CODE"),
        (("431001", "--name", "熊本市", "--kana", "クマモトシ"), "tenant.code_of_another_kind", "CODE"),
        (("430005", "--name", "熊本県 ", "--kana", "クマモトケン"), "text.edge_space", "--name"),
        (("430005", "--name", "熊本県", "--kana", ""), "text.empty", "--kana"),
        (("430005", "--name", "熊本県", "--kana", "クマモトケン", "--name-en", ""), "text.empty", "--name-en"),
        (("430005", "--name", "熊本県", "--kana", "ク" * 1_001), "input.wrong", "--kana"),
    ],
)
def test_what_cannot_be_an_operator_is_refused_with_what_was_typed(
    moyai_unused: Moyai, words: tuple[str, ...], reason: str, field: str
) -> None:
    assert moyai_unused.refusal("operator", "register", *words) == (2, reason, field)
    assert rows("tenant") == []


def test_before_the_operator_is_registered_nobody_else_can_be(moyai_unused: Moyai) -> None:
    words = ("--code", "431001", "--name", "熊本市", "--kana", "クマモトシ", "--kind", "city")

    assert moyai_unused.refusal("tenant", "register", *words)[:2] == (1, "not_found")
    assert rows("tenant") == []


def test_a_new_installation_gets_its_first_person_who_waits_for_the_worker(moyai_unused: Moyai) -> None:
    moyai_unused("operator", "register", *KUMAMOTO)

    code, added, _ = moyai_unused(
        *("member", "add", "430005", "--family-name", "肥後", "--given-name", "花子"),
        *("--email", "hanako@pref.kumamoto.lg.jp", "--role", "operator-onboarding", "--role", "operator-security"),
    )

    assert code == 0
    (person,) = moyai_unused("member", "list", "430005")[1]["members"]
    assert (person["id"], person["state"]) == (added["member_id"], "invited")
    assert person["roles"] == ["operator-onboarding", "operator-security"]
