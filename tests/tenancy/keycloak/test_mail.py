"""The mail that sets a password: sent by Keycloak, in Japanese, through the server the settings name."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from admin.operations.keycloak_setup import mail_server
from admin.operations.mail.server import LocalMailBox
from tenancy.keycloak.adapter import KeycloakIdentities
from tests.tenancy.keycloak.installation import Installation, Municipality


class MailCatcher:
    """Takes every mail and keeps it."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 kept"


@pytest.fixture
def mail_catcher(installation: Installation) -> Iterator[MailCatcher]:
    """A mail server where Keycloak sends its mail."""
    kept = MailCatcher()
    server = Controller(kept, hostname="127.0.0.1", port=installation.mail_box.port)
    server.start()
    yield kept
    server.stop()


def test_the_owner_is_sent_a_japanese_mail_with_a_link_to_set_a_password(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, mail_catcher: MailCatcher
) -> None:
    municipality.onboard(identities)
    owner = municipality.person("tenant-owner")
    identities.ensure_people(municipality.tenant_id, [owner])

    identities.send_password_mail(owner.person_id)

    (envelope,) = mail_catcher.envelopes
    assert envelope.rcpt_tos == [owner.email]
    content = envelope.original_content
    assert content is not None
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert mail["subject"] == "アカウントの更新"
    assert mail["from"].addresses[0].display_name == "Moyai 催合"
    text = mail.get_body(("plain",))
    assert text is not None
    link = re.search(r"https?://\S+", text.get_content())
    assert link is not None
    assert link[0].startswith(f"{installation.server.url}/realms/moyai/login-actions/action-token?key=")
    # Where Keycloak's last page leads to, once the password is set.
    assert claims_of(parse_qs(urlsplit(link[0]).query)["key"][0])["azp"] == "moyai-console"


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    body = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


@pytest.mark.parametrize(
    ("smtp_url", "local", "expected"),
    [
        (None, None, {}),
        (
            None,
            LocalMailBox(8704, "secret"),
            {
                "host": "127.0.0.1",
                "port": "8704",
                "ssl": "false",
                "auth": "true",
                "user": "keycloak",
                "password": "secret",
            },
        ),
        (
            "smtps://user%40pref:pass%3Aword@mail.example.jp",
            LocalMailBox(8704, "secret"),
            {
                "host": "mail.example.jp",
                "port": "465",
                "ssl": "true",
                "starttls": "false",
                "auth": "true",
                "user": "user@pref",
                "password": "pass:word",
            },
        ),
        (
            "smtp://mail.example.jp:2525",
            None,
            {"host": "mail.example.jp", "port": "2525", "ssl": "false", "starttls": "true", "auth": "false"},
        ),
    ],
)
def test_the_mail_server_is_read_from_the_settings(
    smtp_url: str | None, local: LocalMailBox | None, expected: dict[str, str]
) -> None:
    server = mail_server(smtp_url, "https://moyai.pref.example.jp", local)

    sender = {"from": "moyai@moyai.pref.example.jp", "fromDisplayName": "Moyai 催合"} if expected else {}
    assert server == {**expected, **sender}
