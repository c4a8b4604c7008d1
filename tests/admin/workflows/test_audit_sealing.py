"""The worker's sealing: tips reach syslog and mail, and what keeps it from sealing is logged once."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from admin.operations import tip_senders
from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.server import LocalMailBox, LocalMailServer
from admin.operations.settings import Settings
from admin.operations.tip_senders import tip_sender
from admin.workflows.audit_sealing import AuditSealer
from governance.audit.files import AuditFiles, Tip, TipSender
from governance.audit.verification import verify
from governance.kernel.database import OPERATOR, db, tenant_scope
from tests.actors import Actors
from tests.factories import Factory
from tests.ports import find_free_port


@pytest.fixture
def files(tmp_path: Path) -> AuditFiles:
    return AuditFiles(tmp_path / "audit.key", tmp_path / "tips.json")


def sender_to(target: str, tmp_path: Path, **more: str) -> TipSender:
    found = tip_sender(Settings.from_environment({"MOYAI_HOME": str(tmp_path), "MOYAI_AUDIT_TIPS_TO": target, **more}))
    assert found is not None
    return found


def is_expected(files: AuditFiles, heads: Sequence[str]) -> bool:
    with tenant_scope(OPERATOR):
        return verify(db.session(), files, heads).intact


def test_nothing_is_sent_where_nothing_is_set(tmp_path: Path) -> None:
    assert tip_sender(Settings.from_environment({"MOYAI_HOME": str(tmp_path)})) is None


@pytest.mark.parametrize("is_local", [True, False])
def test_every_new_tip_is_sent_to_syslog(
    actors: Actors, files: AuditFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_local: bool
) -> None:
    family = socket.AF_UNIX if is_local else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as syslog:
        syslog.settimeout(10)
        syslog.bind(str(tmp_path / "log") if is_local else ("127.0.0.1", 0))
        monkeypatch.setattr(tip_senders, "_SYSLOG_PATH", str(tmp_path / "log"))
        target = "syslog" if is_local else f"syslog://127.0.0.1:{syslog.getsockname()[1]}"

        AuditSealer(files, sender_to(target, tmp_path))()
        received = syslog.recv(2_000).decode()

    header, _, tip = received.rpartition(" ")
    assert header == "<85>moyai: audit tip"
    assert is_expected(files, [tip])


def test_new_tips_are_mailed_once_an_hour(actors: Actors, files: AuditFiles, tmp_path: Path) -> None:
    port = find_free_port()
    outbox = MailOutbox(tmp_path)
    server = LocalMailServer(outbox, LocalMailBox(port, "secret"))
    server.start()
    try:
        sealer = AuditSealer(
            files,
            sender_to("mailto:kansa@pref.example.lg.jp", tmp_path, SMTP_URL=f"smtp://keycloak:secret@127.0.0.1:{port}"),
        )
        sealer()
        Factory(actors).kumamoto_city()
        sealer()
    finally:
        server.stop()

    (mail,) = outbox.mails()
    assert mail.recipient == "kansa@pref.example.lg.jp"
    heads = [line for line in outbox.body(mail.id).splitlines() if line.count(":") == 2 and " " not in line]
    assert len(heads) == 1
    assert is_expected(files, heads)


def test_tips_that_cannot_be_sent_are_logged_and_sealing_goes_on(actors: Actors, files: AuditFiles) -> None:
    def fail(tips: Sequence[Tip]) -> None:
        raise ConnectionRefusedError

    with capture_logs() as logs:
        AuditSealer(files, fail)()

    assert [(entry["event"], entry["error"]) for entry in logs] == [("audit.tips_not_sent", "ConnectionRefusedError")]
    assert is_expected(files, [])


def test_what_stops_the_sealing_is_logged_once_until_it_changes(actors: Actors, files: AuditFiles) -> None:
    sealer = AuditSealer(files, None)
    sealer()
    kept = files.tips_file.read_bytes()
    files.tips_file.unlink()

    with capture_logs() as logs:
        sealer()
        sealer()
        files.tips_file.write_bytes(kept)
        sealer()
        files.tips_file.unlink()
        sealer()

    assert [(entry["event"], entry["reason"]) for entry in logs] == [("audit.sealing_stopped", "tips_missing")] * 2
