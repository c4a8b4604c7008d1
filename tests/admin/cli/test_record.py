"""`moyai audit`, `approval` and `mail`: what they print is the read model of the query, as the API answers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from admin.operations.mail.outbox import MailOutbox
from admin.operations.settings import Settings
from admin.workflows.audit_sealing import AuditSealer
from governance import approvals
from governance.approvals.states import Decision
from governance.audit import queries
from governance.audit.files import AuditFiles
from governance.audit.seal import seal
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.ids import new_id
from tests.actors import Actors
from tests.admin.cli.command_line import Moyai
from tests.factories import Factory
from tests.servers import PostgreSQL


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


@pytest.fixture
def audit_files(tmp_path: Path) -> AuditFiles:
    """Those of the command line's home."""
    return Settings.from_environment({"MOYAI_HOME": str(tmp_path / "home")}).audit_files


def test_an_intact_log_has_heads_and_no_finding(
    moyai: Moyai, actors: Actors, factory: Factory, audit_files: AuditFiles
) -> None:
    city = factory.kumamoto_city()
    seal(audit_files)

    code, answer, _ = moyai("audit", "verify")
    heads = [head["text"] for head in answer["heads"]]

    assert code == 0
    assert (answer["intact"], answer["unsealed"], answer["findings_total"], answer["findings"]) == (True, 0, 0, [])
    assert {head["stream"] for head in answer["heads"]} == {str(city), str(actors.operator_tenant)}
    assert moyai("audit", "verify", "--expect", heads[0], "--expect", heads[1])[0] == 0
    assert "改変はありません" in moyai.text("audit", "verify")[1]


def test_a_head_that_is_not_there_is_named_and_one_that_is_none_refused(
    moyai: Moyai, actors: Actors, audit_files: AuditFiles
) -> None:
    seal(audit_files)
    stream = actors.operator_tenant

    code, answer, _ = moyai("audit", "verify", "--expect", f"{stream}:7:{'0' * 64}")

    assert (code, answer["intact"], answer["findings_total"]) == (1, False, 1)
    assert answer["findings"] == [{"kind": "stream_cut", "stream": str(stream), "sequence": 3, "last_sequence": 7}]
    line = moyai.text("audit", "verify", "--expect", f"{stream}:7:{'0' * 64}")[1].splitlines()[0]
    assert line == f"stream_cut\t{stream} #3–7\t末尾の記録が切り取られている / the end of the stream was cut off"
    assert moyai.refusal("audit", "verify", "--expect", "x") == (2, "audit.invalid_head", "--expect")


def test_lost_tips_are_a_finding_until_they_are_made_anew_which_is_recorded(
    moyai: Moyai, actors: Actors, audit_files: AuditFiles
) -> None:
    seal(audit_files)
    audit_files.tips_file.unlink()
    code, answer, _ = moyai("audit", "verify")
    assert (code, answer["findings"]) == (1, [{"kind": "tips_missing"}])

    code, answer, _ = moyai("audit", "reset-tips", "--reason", "ディスクの交換")

    assert (code, answer) == (0, {"streams": 1, "findings": ["tips_missing"], "findings_total": 1})
    assert moyai("audit", "verify")[0] == 0
    with tenant_scope(OPERATOR):
        (event,) = queries.events(db.session(), event="audit.tips_reset")
    assert event.facts == {"reason": "ディスクの交換", "findings": ["tips_missing"], "findings_total": 1}


def test_a_lost_key_is_a_finding_until_the_same_key_is_back(
    moyai: Moyai, actors: Actors, factory: Factory, audit_files: AuditFiles
) -> None:
    seal(audit_files)
    kept = audit_files.key_file.read_text()
    audit_files.key_file.unlink()
    sealer = AuditSealer(audit_files, None)

    with capture_logs() as logs:
        sealer()
        factory.kumamoto_city()
        sealer()

    assert [(entry["event"], entry["reason"]) for entry in logs] == [("audit.sealing_stopped", "key_missing")]
    code, answer, _ = moyai("audit", "verify")
    assert (code, answer["intact"], answer["findings"]) == (1, False, [{"kind": "key_missing"}])
    assert answer["unsealed"] > 0
    line = moyai.text("audit", "verify")[1].splitlines()[0]
    assert line.startswith("key_missing\t")
    assert "封印の鍵のファイルがないか、読めない" in line
    assert moyai.refusal("audit", "reset-tips", "--reason", "x") == (1, "audit.no_key", None)
    assert not audit_files.key_file.exists()

    audit_files.key_file.write_text(kept)
    sealer()
    code, answer, _ = moyai("audit", "verify")
    assert (code, answer["findings"], answer["unsealed"]) == (0, [], 0)


def test_tips_are_not_made_without_the_key(moyai: Moyai, actors: Actors, audit_files: AuditFiles) -> None:
    assert moyai.refusal("audit", "reset-tips", "--reason", "x") == (1, "audit.no_key", None)
    audit_files.key_file.parent.mkdir(parents=True)
    audit_files.key_file.write_text("no key")
    assert moyai.refusal("audit", "reset-tips", "--reason", "x") == (1, "audit.no_key", None)


@pytest.mark.parametrize("decided", [False, True])
def test_approvals_are_listed_until_they_are_decided(moyai: Moyai, actors: Actors, decided: bool) -> None:
    subject, tenant_id = new_id(), actors.operator_tenant
    about: dict[str, Any] = {"kind": "quota", "subject_id": subject, "digest": "sha256:a"}
    with system_transaction(OPERATOR) as session:
        approvals.request(session, clock.now(), tenant_id=tenant_id, requested_by=actors.finance.id, **about)
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


MAIL = "To: {}\r\nSubject: Set your password\r\n\r\nhttps://secret.example/{}\r\n"


@pytest.fixture
def example(postgresql: PostgreSQL, database_name: str, operator_tenant: UUID, tmp_path: Path) -> Moyai:
    """An installation of the example, with its operator."""
    home = str(tmp_path / "home")
    return Moyai({"MOYAI_HOME": home, "DATABASE_URL": postgresql.app_url(database_name), "MOYAI_EXAMPLE": "1"})


def test_the_text_of_stored_mails_is_printed_on_the_machine_of_the_example_and_recorded(
    example: Moyai, tmp_path: Path
) -> None:
    outbox = MailOutbox(tmp_path / "home")
    ids = [outbox.store(MAIL.format(to, to).encode()) for to in ("a@example.jp", "b@example.jp", "a@example.jp")]

    code, answer, _ = example("example", "mails", "a@example.jp", "--limit", "5")

    assert code == 0
    assert [(mail["id"], mail["text"].strip()) for mail in answer["mails"]] == [
        (str(ids[2]), "https://secret.example/a@example.jp"),
        (str(ids[0]), "https://secret.example/a@example.jp"),
    ]
    with tenant_scope(OPERATOR):
        opened = queries.events(db.session(), event="mail.opened")
    assert {(event.subject, event.facts["recipient"]) for event in opened} == {
        (str(ids[0]), "a@example.jp"),
        (str(ids[2]), "a@example.jp"),
    }
    assert {event.actor.partition(":")[0] for event in opened} == {"cli"}
    text = example.text("example", "mails")[1]
    assert text.count("https://") == 1, "the newest one only"


def test_outside_the_example_no_stored_mail_is_opened(moyai: Moyai, actors: Actors, tmp_path: Path) -> None:
    MailOutbox(tmp_path / "home").store(MAIL.format("a@example.jp", "key").encode())

    assert moyai.refusal("example", "mails") == (1, "example.not_here", "MOYAI_EXAMPLE")

    with tenant_scope(OPERATOR):
        assert queries.events(db.session(), event="mail.opened") == []
