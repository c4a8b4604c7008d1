"""The commands of webhooks: two people set an address, a secret is shown once, and the database holds none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from governance.actors import Actor
from governance.audit.files import AuditFiles
from governance.audit.seal import seal
from governance.commands import ApprovalRequested, Result, system_transaction
from governance.declaration import build_command
from governance.derived_secrets import SECRETS_KEY
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import SecondPerson
from governance.webhooks.commands import (
    MAX_WEBHOOKS,
    ChangeWebhookAddress,
    ChangeWebhookState,
    CreateWebhook,
    IssueWebhookSecret,
    ResendWebhook,
    change_webhook_address,
    change_webhook_state,
    create_webhook,
    issue_webhook_secret,
    resend_webhook,
)
from governance.webhooks.states import WebhookState
from tests import servers
from tests.actors import Actors
from tests.database_rows import recorded, rows
from tests.factories import Factory
from tests.second_person import approve
from tests.webhooks import URL, Webhooks


def _creation(hooks: Webhooks) -> Callable[[Actor], Result]:
    command = hooks.command(url="https://other.example.jp/")
    return lambda actor: create_webhook(command, actor=actor)


def _calls(webhook_id: UUID) -> list[Callable[[Actor], Result]]:
    """Every command about a webhook that is there."""
    address = ChangeWebhookAddress(webhook_id=webhook_id, url="https://other.example.jp/")
    state = ChangeWebhookState(webhook_id=webhook_id, state=WebhookState.PAUSED)
    since = ResendWebhook(webhook_id=webhook_id, since=clock.today())
    return [
        lambda actor: change_webhook_address(address, actor=actor),
        lambda actor: issue_webhook_secret(IssueWebhookSecret(webhook_id=webhook_id), actor=actor),
        lambda actor: change_webhook_state(state, actor=actor),
        lambda actor: resend_webhook(since, actor=actor),
    ]


def test_nothing_is_made_until_another_person_has_approved_the_address(hooks: Webhooks, actors: Actors) -> None:
    asked = create_webhook(hooks.command(), actor=actors.security)

    assert isinstance(asked, ApprovalRequested)
    assert asked.second_person is SecondPerson.SETTINGS
    assert rows("webhook") == []
    with pytest.raises(NotAllowed):
        approve(asked, actor=actors.security)
    assert rows("webhook") == []

    approve(asked, actor=actors.approver)

    assert len(rows("webhook")) == 1
    (event,) = recorded("webhook.created")
    assert event.actor == actors.approver.id
    assert event.facts["host"] == "siem.example.jp"
    assert URL not in str(event.facts)


def test_only_security_sets_and_runs_webhooks(hooks: Webhooks, actors: Actors) -> None:
    webhook_id, _ = hooks.create()
    before = rows("webhook")

    for actor in (actors.onboarding, actors.finance, actors.approver, actors.auditor):
        for call in (_creation(hooks), *_calls(webhook_id)):
            with pytest.raises(NotAllowed):
                call(actor)
    assert rows("webhook") == before


def test_an_address_that_nothing_may_be_sent_to_is_refused_before_anybody_is_asked(
    hooks: Webhooks, actors: Actors
) -> None:
    with pytest.raises(Invalid) as refusal:
        build_command(CreateWebhook, tenant_id=actors.operator_tenant, name="x", url="https://10.0.0.1/")

    assert (refusal.value.code, refusal.value.field) == ("webhook.number", "url")
    assert rows("approval_request") == []


def test_an_unknown_tenant_an_address_in_use_and_one_too_many_are_refused(hooks: Webhooks, actors: Actors) -> None:
    with pytest.raises(NotFound):
        create_webhook(hooks.command(new_id()), actor=actors.security)
    hooks.without_secret()
    with pytest.raises(Conflict) as refusal:
        create_webhook(hooks.command(name="もう一つ"), actor=actors.security)
    assert (refusal.value.code, refusal.value.field) == ("webhook.address_taken", "url")

    with system_transaction(OPERATOR) as session:
        for number in range(MAX_WEBHOOKS - 1):
            session.execute(
                text(
                    "INSERT INTO webhook (id, tenant_id, name, url, all_streams, state, version, place, secret_number,"
                    " created_by, created_at, fence, next_attempt_at, failures)"
                    " VALUES (:id, :tenant, 'x', :url, true, 'paused', 1, 0, 0, 'x', now(), 0, now(), 0)"
                ),
                {"id": new_id(), "tenant": actors.operator_tenant, "url": f"https://{number}.example.jp/"},
            )
    with pytest.raises(Conflict) as refusal:
        create_webhook(hooks.command(url="https://more.example.jp/"), actor=actors.security)
    assert refusal.value.code == "webhook.too_many"


def test_a_secret_is_shown_once_and_no_row_holds_it(hooks: Webhooks, actors: Actors) -> None:
    webhook_id = hooks.without_secret()
    command = IssueWebhookSecret(webhook_id=webhook_id)

    issued = issue_webhook_secret(command, actor=actors.security, key="once")
    again = issue_webhook_secret(command, actor=actors.security, key="once")

    assert issued.secret is not None
    assert issued.secret.startswith("whsec_")
    assert (again.number, again.secret) == (issued.number, None)
    assert hooks.facts(webhook_id).secret_number == 1
    bare = issued.secret.removeprefix("whsec_")
    for table in ("webhook", "idempotency_key", "audit_event", "approval_request", "job"):
        assert bare not in str(rows(table)), table
    assert len(recorded("webhook.secret_issued")) == 1

    following = hooks.secret(webhook_id)
    assert following != issued.secret
    assert hooks.facts(webhook_id).secret_number == 2


@pytest.mark.parametrize("is_broken", [False, True])
def test_without_the_key_no_secret_is_issued(
    hooks: Webhooks, actors: Actors, database: Flask, files: AuditFiles, is_broken: bool
) -> None:
    webhook_id = hooks.without_secret()
    files.key_file.write_text("no key") if is_broken else files.key_file.unlink()

    with pytest.raises(Conflict) as refusal:
        issue_webhook_secret(IssueWebhookSecret(webhook_id=webhook_id), actor=actors.security)

    assert refusal.value.code == "webhook.key_missing"
    assert hooks.facts(webhook_id).secret_number == 0
    assert SECRETS_KEY.of(database) == files.read_key


def test_another_address_needs_another_person_too(hooks: Webhooks, actors: Actors) -> None:
    webhook_id = hooks.without_secret()
    command = ChangeWebhookAddress(webhook_id=webhook_id, url="https://other.example.jp/in")

    asked = change_webhook_address(command, actor=actors.security)
    assert isinstance(asked, ApprovalRequested)
    assert hooks.facts(webhook_id).url == URL
    approve(asked, actor=actors.approver)

    assert hooks.facts(webhook_id).url == "https://other.example.jp/in"
    assert recorded("webhook.address_changed")[-1].facts["host"] == "other.example.jp"


def test_an_ended_webhook_stays_as_a_row_and_takes_no_command(hooks: Webhooks, actors: Actors) -> None:
    webhook_id, _ = hooks.create()
    for state in (WebhookState.PAUSED, WebhookState.ACTIVE, WebhookState.ENDED):
        change_webhook_state(ChangeWebhookState(webhook_id=webhook_id, state=state), actor=actors.security)
        assert hooks.facts(webhook_id).state is state
    before = rows("webhook")

    for call in _calls(webhook_id):
        with pytest.raises(Conflict) as refusal:
            call(actors.security)
        assert refusal.value.code == "webhook.ended"
    assert rows("webhook") == before
    assert len(recorded("webhook.state_changed")) == 3
    # Its address is free again.
    hooks.without_secret()


def test_the_same_state_again_changes_and_records_nothing(hooks: Webhooks, actors: Actors) -> None:
    webhook_id, _ = hooks.create()
    before = rows("webhook")

    change_webhook_state(ChangeWebhookState(webhook_id=webhook_id, state=WebhookState.ACTIVE), actor=actors.security)

    assert rows("webhook") == before
    assert recorded("webhook.state_changed") == []


def test_a_new_webhook_begins_after_what_is_sealed_already(
    hooks: Webhooks, actors: Actors, factory: Factory, files: AuditFiles
) -> None:
    city = factory.kumamoto_city()
    seal(files)
    whole, own = hooks.without_secret(), hooks.without_secret(city)
    assert (hooks.facts(whole).waiting, hooks.facts(own).waiting) == (0, 0)

    factory.aso_city()
    seal(files)

    assert hooks.facts(whole).waiting > 0
    # Of the municipality's own stream only that of its webhook has come.
    events = [event for event in recorded("webhook.created") if event.tenant_id == city]
    assert hooks.facts(own).waiting == len(events) == 1
    assert (hooks.facts(whole).all_streams, hooks.facts(own).all_streams) == (True, False)


def test_sending_again_begins_with_the_day_and_never_leaves_anything_out(
    hooks: Webhooks, actors: Actors, factory: Factory, files: AuditFiles
) -> None:
    webhook_id, _ = hooks.create()
    factory.kumamoto_city()
    seal(files)
    waiting = hooks.facts(webhook_id).waiting
    everything = len(rows("audit_seal"))
    assert 0 < waiting < everything

    with pytest.raises(Conflict) as refusal:
        resend_webhook(
            ResendWebhook(webhook_id=webhook_id, since=clock.today() + timedelta(days=1)), actor=actors.security
        )
    assert (refusal.value.code, refusal.value.field) == ("webhook.nothing_since", "since")
    assert hooks.facts(webhook_id).waiting == waiting

    resend_webhook(ResendWebhook(webhook_id=webhook_id, since=date(2020, 1, 1)), actor=actors.security)

    assert hooks.facts(webhook_id).waiting == everything
    assert recorded("webhook.resent")[-1].facts["since"] == "2020-01-01"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM webhook",
        "UPDATE webhook SET tenant_id = gen_random_uuid()",
        "UPDATE webhook SET all_streams = true",
        "UPDATE webhook SET created_by = 'x'",
        "UPDATE webhook SET id = gen_random_uuid()",
    ],
)
def test_the_applications_role_cannot_change_whose_events_a_webhook_gets(
    hooks: Webhooks, actors: Actors, statement: str
) -> None:
    hooks.create()
    with pytest.raises(ProgrammingError) as refusal, system_transaction(OPERATOR) as session:
        session.execute(text(statement))
    assert isinstance(refusal.value.orig, psycopg.errors.InsufficientPrivilege)


def test_a_tenant_writes_no_webhook_of_its_own(
    hooks: Webhooks, factory: Factory, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    city = factory.kumamoto_city()
    webhook_id: UUID = hooks.without_secret(city)
    url = servers.libpq(postgresql.tenant_url(database_name))
    with psycopg.connect(url, dbname=database_name) as tenant:
        tenant.execute("SELECT set_config('moyai.scope', %s, false)", (str(city),))
        changed = tenant.execute("UPDATE webhook SET url = 'https://evil.example/' WHERE id = %s", (webhook_id,))
        assert changed.rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tenant.execute(
                "INSERT INTO webhook (id, tenant_id, name, url, all_streams, state, version, place, secret_number,"
                " created_by, created_at, fence, next_attempt_at, failures)"
                " VALUES (gen_random_uuid(), %s, 'x', 'x', false, 'active', 1, 0, 0, 'x', now(), 0, now(), 0)",
                (city,),
            )
    assert hooks.facts(webhook_id).url == URL
