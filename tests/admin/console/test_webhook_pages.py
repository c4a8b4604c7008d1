"""The pages of webhooks: what waits and why, and a secret that is shown once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from admin.bootstrap import settings_of
from governance.audit.seal import seal
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.permissions import Role
from governance.webhooks.signing import derive_secret
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import recorded, rows
from tests.webhooks import URL

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")


@pytest.fixture
def key(web: Flask, sample: ConsoleSample) -> bytes:
    """The installation's key, as the first sealing makes it."""
    seal(settings_of(web).audit_files)
    found = settings_of(web).audit_files.read_key()
    assert found is not None
    return found


def test_the_secret_is_on_the_page_that_issued_it_and_on_no_other(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit], key: bytes
) -> None:
    visit = visit_as(Role.OPERATOR_SECURITY)
    address = f"/webhooks/{sample.webhook_id}/secret"
    assert not SECRET.search(visit.get(address).text)
    assert recorded("webhook.secret_issued") == []

    issued = visit.submit(address, key="one")
    again = visit.submit(address, key="one")

    assert SECRET.findall(issued.text) == [derive_secret(key, sample.webhook_id, 1)]
    assert issued.headers["Cache-Control"] == "no-store"
    assert (again.status_code, SECRET.search(again.text)) == (200, None)
    assert len(recorded("webhook.secret_issued")) == 1
    for page in ("/webhooks", f"/webhooks/{sample.webhook_id}", "/audit", address):
        assert not SECRET.search(visit.get(page).text), page


def test_api_and_command_line_show_it_once_too(
    sample: ConsoleSample, caller_as: Callable[[Role], Caller], moyai: Moyai, key: bytes, web: Flask
) -> None:
    caller = caller_as(Role.OPERATOR_SECURITY)
    path = f"/webhooks/{sample.webhook_id}/secret"

    first, again = (caller.send(path, Idempotency_Key="one").get_json() for _ in range(2))

    assert SECRET.fullmatch(first["secret"])
    assert again == first | {"secret": None}
    assert "secret" not in caller.get(f"/webhooks/{sample.webhook_id}").get_json()
    assert first["secret"].removeprefix("whsec_") not in str(rows("idempotency_key"))
    code, printed, stderr = moyai("webhook", "show", str(sample.webhook_id))
    assert (code, printed["secret_number"], SECRET.search(stderr)) == (0, 1, None)


def test_without_the_key_the_page_says_what_to_do(
    web: Flask, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    settings_of(web).audit_files.key_file.unlink(missing_ok=True)

    answer = visit_as(Role.OPERATOR_SECURITY).submit(f"/webhooks/{sample.webhook_id}/secret", key="one")

    assert "moyai worker" in answer.text
    assert not SECRET.search(answer.text)


def test_a_page_says_since_when_and_why_nothing_arrives(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit], key: bytes
) -> None:
    visit = visit_as(Role.OPERATOR_AUDITOR)
    address = f"/webhooks/{sample.webhook_id}"
    assert "署名の鍵を発行して受信側に設定するまで" in visit.get(address).text
    with system_transaction(OPERATOR) as session:
        session.execute(
            text(
                "UPDATE webhook SET secret_number = 1, secret_issued_at = :now, failures = 3, failing_since = :since,"
                " last_status = 503, last_problem = 'status', last_attempt_at = :now, next_attempt_at = :next"
            ),
            {
                "now": clock.now(),
                "since": clock.now() - timedelta(hours=1),
                "next": clock.now() + timedelta(minutes=5),
            },
        )

    page = visit.get(address).text

    for words in (URL, "受信側が受け取りませんでした", "503", "記録は失われず"):
        assert words in page, words
    assert "受信側が受け取りませんでした" in visit.get("/webhooks").text
    # Who only reads is offered nothing that changes.
    for action in ("secret", "state", "resend", "address"):
        assert f"{address}/{action}" not in page
    own = visit_as(Role.OPERATOR_SECURITY).get(address).text
    assert f"{address}/resend" in own


def test_a_municipality_sees_no_webhook(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit], caller_as: Callable[[Role], Caller]
) -> None:
    for role in (Role.TENANT_OWNER, Role.TENANT_AUDITOR):
        assert visit_as(role).get("/webhooks").status_code == 403
        assert visit_as(role).get(f"/webhooks/{sample.webhook_id}").status_code == 403
        assert caller_as(role).get("/webhooks").status_code == 403
        assert "/webhooks" not in visit_as(role).get("/audit").text


def test_a_wrong_address_is_refused_at_its_field_in_words(
    sample: ConsoleSample, visit_as: Callable[[Role], Visit], caller_as: Callable[[Role], Caller], moyai: Moyai
) -> None:
    before = rows("approval_request")
    tenant: UUID = sample.factory.actors.operator_tenant
    wrong = "https://169.254.169.254/latest"

    page = visit_as(Role.OPERATOR_SECURITY).submit(
        f"/tenants/{tenant}/webhooks/new", key="one", step="confirm", name="x", url=wrong
    )
    answer = caller_as(Role.OPERATOR_SECURITY).send(f"/tenants/{tenant}/webhooks", {"name": "x", "url": wrong})
    code, printed, _ = moyai("webhook", "create", "430005", "--name", "x", "--url", wrong)

    assert "メタデータ" in page.text
    assert (answer.status_code, answer.get_json()["code"], answer.get_json()["field"]) == (422, "webhook.number", "url")
    assert (code, printed["error"]["code"], printed["error"]["field"]) == (2, "webhook.number", "--url")
    assert rows("approval_request") == before
