"""The mail box of a machine without mail server: keeps each mail whole, for its owner's eyes, and sends nothing on."""

from __future__ import annotations

import smtplib
import stat
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from admin.operations.mail.outbox import MAX_BYTES, MailOutbox
from admin.operations.mail.server import SENDER, LocalMailBox, LocalMailServer, local_mail_box
from admin.operations.settings import Settings
from governance.kernel.errors import NotFound
from governance.kernel.ids import new_id
from tests.ports import find_free_port

PASSWORD = "the mail box's own"


@pytest.fixture
def outbox_folder(tmp_path: Path) -> MailOutbox:
    return MailOutbox(tmp_path)


@pytest.fixture
def server(outbox_folder: MailOutbox) -> Iterator[LocalMailServer]:
    running = LocalMailServer(outbox_folder, LocalMailBox(find_free_port(), PASSWORD))
    running.start()
    yield running
    running.stop()


def _mail(
    subject: str = "パスワードの設定", body: str = "次のリンク: https://moyai.example/x?key=1&a=2"
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "moyai@moyai.example", "owner@431001.example", subject
    message.set_content(body)
    return message


def _send(server: LocalMailServer, message: EmailMessage, *, user: str = SENDER, password: str = PASSWORD) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as line:
        line.login(user, password)
        line.send_message(message)


def test_a_mail_is_kept_with_recipient_subject_and_link(outbox_folder: MailOutbox, server: LocalMailServer) -> None:
    _send(server, _mail())

    (kept,) = outbox_folder.mails()
    assert kept.recipient == "owner@431001.example"
    assert kept.subject == "パスワードの設定"
    assert "https://moyai.example/x?key=1&a=2" in outbox_folder.body(kept.id)


def test_the_newest_mail_comes_first(outbox_folder: MailOutbox, server: LocalMailServer) -> None:
    for subject in ("一", "二", "三"):
        _send(server, _mail(subject))

    assert [kept.subject for kept in outbox_folder.mails()] == ["三", "二", "一"]
    assert [kept.subject for kept in outbox_folder.mails(limit=1)] == ["三"]


def test_nobody_else_on_the_machine_may_read_it(outbox_folder: MailOutbox, server: LocalMailServer) -> None:
    _send(server, _mail())

    assert stat.S_IMODE(outbox_folder.folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in outbox_folder.folder.iterdir()] == [0o600]


def test_a_mail_that_is_too_large_is_refused_and_not_kept(outbox_folder: MailOutbox, server: LocalMailServer) -> None:
    with pytest.raises(smtplib.SMTPException):
        _send(server, _mail(body="x" * (MAX_BYTES + 1)))

    assert outbox_folder.mails() == []


@pytest.mark.parametrize(("user", "password"), [(SENDER, "guessed"), (SENDER, ""), ("root", PASSWORD)])
def test_nobody_sends_with_another_name_or_password(
    outbox_folder: MailOutbox, server: LocalMailServer, user: str, password: str
) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError):
        _send(server, _mail(), user=user, password=password)

    assert outbox_folder.mails() == []


def test_nobody_sends_without_signing_in(outbox_folder: MailOutbox, server: LocalMailServer) -> None:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as line, pytest.raises(smtplib.SMTPException) as refused:
        line.send_message(_mail())

    assert "530" in str(refused.value)
    assert outbox_folder.mails() == []


def test_an_unknown_mail_is_not_found(outbox_folder: MailOutbox) -> None:
    assert outbox_folder.mails() == []
    with pytest.raises(NotFound):
        outbox_folder.body(new_id())


def test_with_a_mail_server_set_there_is_none_here(tmp_path: Path) -> None:
    home = {"MOYAI_HOME": str(tmp_path), "MOYAI_PORT": "8800"}

    box = local_mail_box(Settings.from_environment(home))
    assert box is not None
    assert box.port == 8804
    assert box == local_mail_box(Settings.from_environment(home)), "the password stays"
    assert box.password not in repr(box)
    assert stat.S_IMODE((tmp_path / "secrets" / "mail.json").stat().st_mode) == 0o600
    assert local_mail_box(Settings.from_environment({**home, "SMTP_URL": "smtp://mail.example:25"})) is None
