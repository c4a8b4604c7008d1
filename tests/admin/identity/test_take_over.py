"""Whoever takes tenants in does not become the approver: “forgotten password” is closed at its first step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.server import LocalMailServer
from governance.permissions import Role
from tests.admin.browser import Browser
from tests.admin.live_app import LiveApp
from tests.tenancy.keycloak.installation import Installation


@pytest.fixture
def mails(installation: Installation, tmp_path: Path) -> Iterator[MailOutbox]:
    """The mails of this installation, where no mail server is set."""
    outbox = MailOutbox(tmp_path)
    server = LocalMailServer(outbox, installation.mail_box)
    server.start()
    yield outbox
    server.stop()


def test_onboarding_does_not_become_the_approver_by_a_forgotten_password(
    live_app: LiveApp, browser: Browser, mails: MailOutbox
) -> None:
    approver = live_app.operator(Role.OPERATOR_APPROVER)

    page = browser.get(f"{live_app.url}/login/operator")
    assert "reset-credentials" not in page.text
    address = page.url.copy_with(path="/realms/moyai-operators/login-actions/reset-credentials", query=b"")
    asked = browser.get(str(address.copy_merge_params({"client_id": "moyai-console"})))
    assert (asked.status_code, 'name="username"' in asked.text) == (400, False)
    assert approver.email not in asked.text
    assert mails.mails() == []

    onboarding = Browser()
    live_app.sign_in(onboarding, live_app.operator(Role.OPERATOR_ONBOARDING))
    assert onboarding.get(f"{live_app.url}/mails").status_code == 403


def test_keycloak_hands_its_mail_to_the_local_mail_box(
    live_app: LiveApp, installation: Installation, mails: MailOutbox
) -> None:
    approver = live_app.operator(Role.OPERATOR_APPROVER)

    live_app.identities.send_password_mail(approver.person_id, approver.realm)

    (mail,) = mails.mails()
    assert mail.recipient == approver.email
    assert "action-token?key=" in mails.body(mail.id)
