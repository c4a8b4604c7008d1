"""`moyai audit`, `approval` and `mail`: what they print is the read model of the query, as the API answers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from admin.operations.mail.outbox import MailOutbox
from governance import approvals
from governance.approvals.states import Decision
from governance.audit import queries
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from tests.actors import Actors
from tests.admin.cli.command_line import Moyai
from tests.factories import Factory


def test_the_audit_log_is_listed_as_the_query_returns_it(moyai: Moyai, actors: Actors, factory: Factory) -> None:
    city = factory.kumamoto_city()
    with tenant_scope(OPERATOR):
        found = [one.model_dump(mode="json") for one in queries.events(db.session(), subject=str(city))]

    code, answer, _ = moyai("audit", "list", "--subject", str(city))

    assert (code, answer) == (0, {"events": found, "next_cursor": None})
    assert found[0]["event"] == "tenant.registered"
    assert moyai.text("audit", "list", "--subject", str(city))[1] == (
        f"{found[0]['recorded_at']}\tdone\ttenant.registered\t{city}\t{actors.onboarding.id}\n"
    )


def test_the_audit_log_is_read_on_after_a_cursor(moyai: Moyai, factory: Factory) -> None:
    city = factory.kumamoto_city()
    factory.aso_city()
    _, whole, _ = moyai("audit", "list")

    _, first, _ = moyai("audit", "list", "--limit", "1")
    _, rest, _ = moyai("audit", "list", "--limit", "1000", "--after", first["next_cursor"])
    code, foreign, _ = moyai("audit", "list", "--subject", str(city), "--after", first["next_cursor"])

    assert first["events"] + rest["events"] == whole["events"]
    assert (code, foreign["error"]["code"], foreign["error"]["field"]) == (2, "api.cursor_wrong", "--after")
    assert "--after" in moyai.text("audit", "list", "--limit", "1")[2]


def test_an_intact_chain_names_no_break(moyai: Moyai, factory: Factory) -> None:
    factory.kumamoto_city()

    code, answer, _ = moyai("audit", "verify")

    assert code == 0
    assert answer["intact"] is True
    assert set(answer) == {"intact", "records", "unsealed"}


@pytest.mark.parametrize("decided", [False, True])
def test_approvals_are_listed_until_they_are_decided(moyai: Moyai, actors: Actors, decided: bool) -> None:
    subject, tenant_id = new_id(), actors.operator_tenant
    about: dict[str, Any] = {"kind": "quota", "subject_id": subject, "digest": "sha256:a"}
    with system_transaction(OPERATOR) as session:
        approvals.request(session, actors.finance, clock.now(), tenant_id=tenant_id, **about)
        if decided:
            approvals.decide(session, actors.approver, clock.now(), decision=Decision.APPROVED, **about)

    code, answer, _ = moyai("approval", "list")

    assert code == 0
    assert [(row["subject_id"], row["requested_by"], row["decision"]) for row in answer["approvals"]] == (
        [] if decided else [(str(subject), actors.finance.id, None)]
    )


def test_stored_mails_are_listed_without_their_text(moyai: Moyai, tmp_path: Path) -> None:
    content = b"To: owner@city.kumamoto.lg.jp\r\nSubject: Set your password\r\n\r\nhttps://secret.example/\r\n"
    mail_id = MailOutbox(tmp_path / "home").store(content)

    code, answer, _ = moyai("mail", "list")

    [mail] = answer["mails"]
    assert code == 0
    assert (mail["id"], mail["recipient"], mail["subject"]) == (
        str(mail_id),
        "owner@city.kumamoto.lg.jp",
        "Set your password",
    )
    assert set(mail) == {"id", "recipient", "subject", "stored_at"}
