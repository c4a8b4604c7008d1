"""The mail that sets a password: sent by Keycloak, in Japanese, through the server the settings name."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from admin.operations.keycloak_setup import mail_server
from admin.operations.mail.server import LocalMailBox
from governance.kernel.clock import JST
from governance.kernel.errors import Conflict
from governance.kernel.ids import new_id
from tenancy.keycloak.adapter import KeycloakIdentities
from tenancy.keycloak.port import Invitation, PersonIntent
from tests.tenancy.keycloak.installation import PUBLIC_URL, Installation, Municipality


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


INVITATION = Invitation(
    new_id(), "天草市", "熊本県 髙﨑 𠮷男", "熊本県 情報政策課 肥後 花子 096-333-0000 joho@pref.example"
)


def test_the_owner_is_sent_a_japanese_mail_that_says_who_invites_where_to_and_until_when(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, mail_catcher: MailCatcher
) -> None:
    owner = _onboarded(municipality, identities)
    before = datetime.now(JST)

    identities.send_password_mail(owner.person_id, invitation=INVITATION)

    (envelope,) = mail_catcher.envelopes
    assert envelope.rcpt_tos == [owner.email]
    mail = _mail(envelope)
    assert mail["subject"] == "【Moyai】利用者登録とパスワード設定のお知らせ"
    assert mail["from"].addresses[0].display_name == "Moyai 催合"
    text, html = _parts(mail)
    days = [before + timedelta(days=1, minutes=minute) for minute in (-1, 0, 1, 2)]
    weekdays = "月火水木金土日"
    until = {f"令和{day.year - 2018}年{day.month}月{day.day}日（{weekdays[day.weekday()]}）{day:%H:%M}" for day in days}
    for part in (text, unescape(html)):
        assert "髙﨑 𠮷葛󠄀 様" in part
        assert "天草市の利用者として、Moyai（催合）に登録されました。" in part
        assert "熊本県 髙﨑 𠮷男" in part
        assert INVITATION.contact in part
        assert any(day in part for day in until), part
    link = re.search(r"https?://\S+", text)
    assert link is not None
    assert link[0].startswith(f"{installation.server.url}/realms/moyai/login-actions/action-token?key=")
    assert f'href="{link[0]}"' in unescape(html)
    # Where Keycloak's last page leads to, once the password is set.
    claims = claims_of(parse_qs(urlsplit(link[0]).query)["key"][0])
    assert claims["azp"] == "moyai-console"
    assert claims["reduri"] == f"{PUBLIC_URL}/login/first/{INVITATION.tenant_id}"
    assert re.findall(r"[A-Za-z]{2,}", re.sub(r"https?://\S+|\S+@\S+", "", text)) == ["Moyai"]


def test_a_person_who_chose_english_is_written_to_in_english(
    installation: Installation, identities: KeycloakIdentities, municipality: Municipality, mail_catcher: MailCatcher
) -> None:
    owner = _onboarded(municipality, identities)
    by_hand = installation.as_administrator()
    (row,) = by_hand.read("users", username=owner.username, exact="true")
    # As Keycloak keeps it of who chose a language on one of its pages.
    by_hand.replace(f"users/{row['id']}", {**row, "attributes": {**row["attributes"], "locale": ["en"]}})

    identities.send_password_mail(owner.person_id, invitation=INVITATION)

    mail = _mail(mail_catcher.envelopes[0])
    assert mail["subject"] == "[Moyai] You are registered: set your password"
    for part in map(unescape, _parts(mail)):
        assert "Dear 𠮷葛󠄀 髙﨑," in part
        assert "You were registered in Moyai as a user of 天草市." in part
        assert "(Japan time)" in part
        for name in ("Moyai 催合", "天草市", "髙﨑", "𠮷葛󠄀", "𠮷男", *INVITATION.contact.split()):
            part = part.replace(name, "")
        assert re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]+", part) == []


def test_without_an_invitation_the_mail_says_only_what_is_known(
    identities: KeycloakIdentities, municipality: Municipality, mail_catcher: MailCatcher
) -> None:
    owner = _onboarded(municipality, identities)

    identities.send_password_mail(owner.person_id)

    text, _ = _parts(_mail(mail_catcher.envelopes[0]))
    assert "Moyai（催合）の利用者として登録されました。" in text
    assert "団体:" not in text


def test_a_keycloak_that_does_not_know_where_the_link_ends_sends_no_mail_and_says_what_to_do(
    installation: Installation, municipality: Municipality, mail_catcher: MailCatcher
) -> None:
    elsewhere = KeycloakIdentities(
        installation.server.url,
        installation.keys,
        public_url="http://localhost:1",
        specified=installation.specified,
        issued_by=installation.server.url,
    )
    try:
        owner = _onboarded(municipality, elsewhere)
        with pytest.raises(Conflict) as refused:
            elsewhere.send_password_mail(owner.person_id, invitation=INVITATION)
    finally:
        elsewhere.close()

    assert refused.value.code == "keycloak.landing_unknown"
    assert "moyai keycloak configure" in refused.value.hint("ja")
    assert mail_catcher.envelopes == []


def _onboarded(municipality: Municipality, identities: KeycloakIdentities) -> PersonIntent:
    municipality.onboard(identities)
    owner = replace(municipality.person("tenant-owner"), family_name="髙﨑", given_name="𠮷葛󠄀")
    identities.ensure_people(municipality.tenant_id, [owner])
    return owner


def _mail(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.original_content, bytes)
    return email.message_from_bytes(envelope.original_content, policy=email.policy.default)


def _parts(mail: EmailMessage) -> tuple[str, str]:
    """The plain text and the HTML."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


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
    server = mail_server(smtp_url, "moyai@moyai.pref.example.jp", local)

    sender = {"from": "moyai@moyai.pref.example.jp", "fromDisplayName": "Moyai 催合"} if expected else {}
    assert server == {**expected, **sender}
