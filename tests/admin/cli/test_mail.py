"""`moyai mail test`: who took the mail, or why it was not taken. And where Keycloak's mails would reach nobody."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask

from admin.operations.keycloak_setup import check_mail
from admin.operations.settings import Settings
from governance.kernel.errors import Invalid
from tests.admin.cli.command_line import Moyai
from tests.ports import find_free_port
from tests.servers import PostgreSQL


class Taker:
    """Takes mails for one domain and keeps them."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not address.endswith("@pref.example.jp"):
            return "550 hidden words of the server"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return "250 OK"


@pytest.fixture
def taker() -> Iterator[tuple[Taker, int]]:
    """A mail server and its port."""
    kept, port = Taker(), find_free_port()
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    yield kept, port
    server.stop()


def _moyai(postgresql: PostgreSQL, database_name: str, home: Path, **given: str) -> Moyai:
    return Moyai({"MOYAI_HOME": str(home), **postgresql.urls(database_name), **given})


def test_the_mail_goes_out_from_the_address_that_was_set(
    postgresql: PostgreSQL, database: Flask, database_name: str, tmp_path: Path, taker: tuple[Taker, int]
) -> None:
    kept, port = taker
    moyai = _moyai(
        postgresql,
        database_name,
        tmp_path,
        SMTP_URL=f"smtp://127.0.0.1:{port}",
        MOYAI_MAIL_FROM="kiban@pref.example.jp",
    )

    code, answer, _ = moyai("mail", "test", "kanri@pref.example.jp")

    assert (code, answer) == (0, {"recipient": "kanri@pref.example.jp", "taken_by": "smtp"})
    (envelope,) = kept.taken
    assert envelope.mail_from == "kiban@pref.example.jp"
    assert message_from_bytes(envelope.original_content or b"")["From"] == "kiban@pref.example.jp"


def test_a_recipient_that_is_refused_and_a_server_that_is_away_are_told_apart(
    postgresql: PostgreSQL, database: Flask, database_name: str, tmp_path: Path, taker: tuple[Taker, int]
) -> None:
    kept, port = taker
    there = _moyai(postgresql, database_name, tmp_path, SMTP_URL=f"smtp://127.0.0.1:{port}")
    away = _moyai(postgresql, database_name, tmp_path, SMTP_URL=f"smtp://u:hidden@127.0.0.1:{find_free_port()}")

    code, answer, said = there("mail", "test", "x@elsewhere.example")
    code_away, answer_away, said_away = away("mail", "test", "x@pref.example.jp")

    assert (code, answer["error"]["code"]) == (1, "mail.refused")
    assert "550" in answer["error"]["message"]
    assert (code_away, answer_away["error"]["code"]) == (3, "mail.unreachable")
    assert "hidden" not in f"{answer}{said}{answer_away}{said_away}"
    assert kept.taken == []


def test_without_a_mail_server_it_is_stored_with_the_others(
    postgresql: PostgreSQL, database: Flask, database_name: str, operator_tenant: object, tmp_path: Path
) -> None:
    moyai = _moyai(postgresql, database_name, tmp_path)

    assert moyai("mail", "test", "kanri@pref.example.jp")[1]["taken_by"] == "outbox"
    assert [mail["recipient"] for mail in moyai("mail", "list")[1]["mails"]] == ["kanri@pref.example.jp"]


@pytest.mark.slow
def test_a_keycloak_on_another_machine_needs_a_mail_server(tmp_path: Path) -> None:
    elsewhere = {"MOYAI_HOME": str(tmp_path / "home"), "KEYCLOAK_URL": "http://192.0.2.1:8080"}

    with pytest.raises(Invalid) as refusal:
        check_mail(Settings.from_environment(elsewhere))
    code, answer, _ = Moyai({**elsewhere, "MOYAI_EXAMPLE": "1"})("up")

    assert (refusal.value.code, refusal.value.field) == ("keycloak.no_mail_server", "SMTP_URL")
    assert (code, answer["error"]["code"]) == (2, "keycloak.no_mail_server")
    check_mail(Settings.from_environment(elsewhere | {"SMTP_URL": "smtp://mail.example"}))
    for here in ("http://localhost:8701", "http://127.0.0.1:8701", "http://[::1]:8701"):
        check_mail(Settings.from_environment({"KEYCLOAK_URL": here}))
