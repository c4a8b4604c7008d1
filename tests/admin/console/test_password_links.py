"""A password link reaches its addressee only: it is in no answer over HTTP, whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask

from admin.bootstrap import settings_of
from admin.interface.api_routes import PREFIX
from admin.operations.mail.outbox import MailOutbox
from admin.operations.mail.server import local_mail_box
from governance.permissions import Role
from tests.admin.api.conftest import Caller
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit

ROLES: Final = [role for role in Role if role.startswith(("operator-", "tenant-"))]
KEY: Final = "eyJhbGciOiJIUzUxMiJ9.cGFzc3dvcmQ"
MAIL: Final = (
    "To: operator-approver@pref.example\r\nSubject: Set your password\r\n\r\n"
    f"https://id.pref.example/realms/moyai-operators/login-actions/action-token?key={KEY}\r\n"
)


@pytest.fixture
def stored_mail(web: Flask) -> Iterator[UUID]:
    """The mail with which the approver sets a password, stored because no mail server is set."""
    outbox = MailOutbox(settings_of(web).home)
    mail_id = outbox.store(MAIL.encode())
    assert KEY in outbox.body(mail_id)
    yield mail_id
    (outbox.folder / f"{mail_id}.eml").unlink()


def addresses(web: Flask, sample: ConsoleSample, mail_id: UUID) -> list[str]:
    """Every address that a GET reaches; an id that the sample does not have is the mail's."""
    known: dict[str, Any] = {
        name: str(value) for name, value in vars(sample).items() if name.endswith("_id") and isinstance(value, UUID)
    }
    known |= {"tenant": str(sample.tenant_id), "year": "2025", "fiscal_year": "2025", "name": "fy2025-two"}
    known |= {"purpose": "finance", "file_kind": "xlsx", "action": "edited", "filename": "moyai.css", "code": "431001"}
    found = []
    with web.test_request_context():
        for rule in web.url_map.iter_rules():
            if "GET" in (rule.methods or ()):
                values = {name: known.get(name, str(mail_id)) for name in rule.arguments}
                found.append(web.url_for(rule.endpoint, **values))
    return sorted(set(found))


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_no_answer_holds_a_password_link(
    web: Flask,
    sample: ConsoleSample,
    stored_mail: UUID,
    visit_as: Callable[[Role], Visit],
    caller_as: Callable[[Role], Caller],
    role: Role,
) -> None:
    visit, caller = visit_as(role), caller_as(role)
    box = local_mail_box(settings_of(web))
    assert box is not None

    leaked, unanswered, of_scim = [], [], {}
    for address in addresses(web, sample, stored_mail):
        is_api = address.startswith(PREFIX)
        answer = caller.get(address.removeprefix(PREFIX)) if is_api else visit.get(address)
        if any(secret in answer.get_data() for secret in (KEY.encode(), b"action-token", box.password.encode())):
            leaked.append(address)
        if address.startswith("/scim/"):
            of_scim[address] = answer.status_code
        elif answer.status_code == 401 or answer.status_code >= 500:
            unanswered.append((address, answer.status_code))

    assert (leaked, unanswered) == ([], [])
    # A directory signs in with its own token: nobody's session is worth anything there.
    assert set(of_scim.values()) == {401}


def test_the_page_of_stored_mails_shows_whom_and_what_about_and_links_to_none(
    web: Flask, sample: ConsoleSample, stored_mail: UUID, visit_as: Callable[[Role], Visit]
) -> None:
    page = visit_as(Role.OPERATOR_SECURITY).get("/mails").text

    assert "operator-approver@pref.example" in page
    assert "Set your password" in page
    assert str(stored_mail) not in page
    assert "招待メールは届きません" in page
    assert visit_as(Role.OPERATOR_SECURITY).get(f"/mails/{stored_mail}").status_code == 404
    assert visit_as(Role.OPERATOR_ONBOARDING).get("/mails").status_code == 403


def test_whoever_invites_somebody_reads_that_the_mail_will_not_arrive(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    page = visit_as(Role.TENANT_OWNER).get(f"/tenants/{sample.tenant_id}/people/new").text

    assert "招待メールは届きません" in page
