"""Deliveries of the worker: each event once and in order, whatever becomes of the receiver or of the worker."""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text

from admin.workflows.jobs import JobWorker, Queue
from admin.workflows.webhooks import WebhookDelivery
from governance.audit.files import AuditFiles
from governance.audit.seal import seal
from governance.commands import system_transaction
from governance.derived_secrets import SECRETS_KEY
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.webhooks import delivery
from governance.webhooks.commands import (
    ChangeWebhookAddress,
    ChangeWebhookState,
    ResendWebhook,
    WebhookAddressChanged,
    change_webhook_address,
    change_webhook_state,
    resend_webhook,
)
from governance.webhooks.delivery import Attempt
from governance.webhooks.signing import sign
from governance.webhooks.states import RETRY_DELAYS, DeliveryProblem, WebhookState
from tests import servers
from tests.actors import Actors
from tests.admin.sample_receiver import SampleReceiver
from tests.factories import Factory
from tests.second_person import approved
from tests.webhooks import URL, Webhooks

TAKEN, DOWN = Attempt(204, None), Attempt(None, DeliveryProblem.UNREACHABLE)


@pytest.fixture
def files(tmp_path: Path) -> AuditFiles:
    return AuditFiles(tmp_path / "keys" / "audit.key", tmp_path / "audit" / "tips.json")


@pytest.fixture
def hooks(database: Flask, actors: Actors, files: AuditFiles) -> Iterator[Webhooks]:
    seal(files)
    SECRETS_KEY.set(database, files.read_key)
    yield Webhooks(actors)
    SECRETS_KEY.set(database, lambda: None)


class Receiver:
    """What takes the worker's requests: it answers as it is set to, and keeps what it was sent."""

    def __init__(self) -> None:
        self.answer: Attempt | BaseException = TAKEN
        self.sent: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.meanwhile: Any = None

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        self.sent.append((url, dict(headers), json.loads(body)))
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.sent]

    def sequences(self) -> dict[str, list[int]]:
        """The numbers in its stream of every event sent, by stream, in the order of arrival."""
        found: dict[str, list[int]] = {}
        for _, _, body in self.sent:
            found.setdefault(body["data"]["tenant_id"], []).append(body["data"]["sequence"])
        return found


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def worker(receiver: Receiver) -> WebhookDelivery:
    return WebhookDelivery(receiver)


def _due() -> list[UUID]:
    with system_transaction(OPERATOR) as session:
        return delivery.due(session, clock.now())


def _without_gap(sequences: dict[str, list[int]]) -> bool:
    return all(found == list(range(found[0], found[0] + len(found))) for found in sequences.values())


def _in_the_feed(after: int = 0) -> list[str]:
    """The ids of the sealed events beyond a position, in the order of their sealing."""
    with system_transaction(OPERATOR) as session:
        query = text("SELECT event_id FROM audit_seal WHERE position > :after ORDER BY position")
        return [str(event_id) for event_id in session.scalars(query, {"after": after})]


def _last_position() -> int:
    with system_transaction(OPERATOR) as session:
        return int(session.execute(text("SELECT max(position) FROM audit_seal")).scalar_one())


def test_every_event_of_every_stream_is_sent_in_the_order_of_its_sealing(
    hooks: Webhooks, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, secret = hooks.create()
    began = _last_position()
    for make in (factory.kumamoto_city, factory.aso_city):
        make()
        seal(files)

    worker.run(webhook_id)

    assert receiver.ids() == _in_the_feed(began)
    assert len(receiver.sequences()) == 3
    assert _without_gap(receiver.sequences())
    facts = hooks.facts(webhook_id)
    assert (facts.waiting, facts.failures, facts.failing_since, facts.last_status) == (0, 0, None, 204)
    assert facts.last_success_at is not None
    url, headers, body = receiver.sent[0]
    assert url == URL
    assert body["type"] == body["data"]["event"]
    assert body["timestamp"] == body["data"]["recorded_at"]
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == sign([secret], headers["webhook-id"], timestamp, raw)
    # Nothing more to send, and nothing was recorded about what was sent.
    before = len(receiver.sent)
    seal(files)
    worker.run(webhook_id)
    assert len(receiver.sent) == before
    assert _due() == []


def test_a_municipalitys_webhook_gets_its_own_stream_and_no_other_event(
    hooks: Webhooks, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    city = factory.kumamoto_city()
    seal(files)
    webhook_id, _ = hooks.create(city)
    factory.aso_city()
    seal(files)

    worker.run(webhook_id)

    assert set(receiver.sequences()) == {str(city)}
    assert _without_gap(receiver.sequences())
    assert {body["type"] for _, _, body in receiver.sent} == {"webhook.created", "webhook.secret_issued"}
    assert hooks.facts(webhook_id).waiting == 0


def test_nothing_is_sent_before_there_is_a_secret_nor_while_it_is_paused(
    hooks: Webhooks, actors: Actors, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id = hooks.without_secret()
    seal(files)
    assert (_due(), hooks.facts(webhook_id).waiting > 0) == ([], True)
    worker.run(webhook_id)
    assert receiver.sent == []

    hooks.secret(webhook_id)
    assert _due() == [webhook_id]
    for state, expected in ((WebhookState.PAUSED, []), (WebhookState.ACTIVE, [webhook_id])):
        change_webhook_state(ChangeWebhookState(webhook_id=webhook_id, state=state), actor=actors.security)
        assert _due() == expected
        worker.run(webhook_id)
        assert bool(receiver.sent) is bool(expected)
    assert _without_gap(receiver.sequences())
    change_webhook_state(ChangeWebhookState(webhook_id=webhook_id, state=WebhookState.ENDED), actor=actors.security)
    seal(files)
    before = len(receiver.sent)
    worker.run(webhook_id)
    assert (_due(), len(receiver.sent)) == ([], before)


def test_a_receiver_that_is_down_is_tried_again_later_and_later_and_nothing_is_left_out(
    hooks: Webhooks, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    began = _last_position()
    factory.kumamoto_city()
    seal(files)
    receiver.answer = DOWN
    attempts = [clock.now()]
    while len(attempts) < len(RETRY_DELAYS) + 3:
        with clock.at(attempts[-1]):
            assert _due() == [webhook_id]
            worker.run(webhook_id)
            assert _due() == []
        attempts.append(hooks.facts(webhook_id).next_attempt_at)
        with clock.at(attempts[-1] - timedelta(seconds=1)):
            worker.run(webhook_id)

    first, *tries = attempts[:-1]
    assert receiver.ids() == [receiver.ids()[0]] * (1 + len(tries))
    gaps = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    assert gaps == [*RETRY_DELAYS, RETRY_DELAYS[-1], RETRY_DELAYS[-1]]
    facts = hooks.facts(webhook_id)
    assert (facts.failing_since, facts.failures) == (first, 1 + len(tries))
    assert facts.last_problem is DeliveryProblem.UNREACHABLE
    assert facts.last_success_at is None

    receiver.answer, before = TAKEN, len(receiver.sent)
    with clock.at(attempts[-1]):
        worker.run(webhook_id)

    assert receiver.ids()[before:] == _in_the_feed(began)
    facts = hooks.facts(webhook_id)
    assert (facts.failing_since, facts.failures, facts.last_problem, facts.waiting) == (None, 0, None, 0)


def test_the_event_in_the_middle_that_is_not_taken_holds_up_those_behind_it(
    hooks: Webhooks, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    began = _last_position()
    factory.kumamoto_city()
    seal(files)
    expected = _in_the_feed(began)

    def refuse() -> None:
        receiver.answer = Attempt(500, DeliveryProblem.STATUS)

    receiver.meanwhile = lambda: setattr(receiver, "meanwhile", refuse)
    worker.run(webhook_id)
    assert receiver.ids() == expected[:2]
    assert hooks.facts(webhook_id).last_status == 500
    receiver.answer = TAKEN
    with clock.at(clock.now() + RETRY_DELAYS[0]):
        worker.run(webhook_id)

    assert receiver.ids() == [expected[0], expected[1], *expected[1:]]


def test_a_worker_that_dies_in_a_delivery_leaves_it_to_another_under_the_same_id(
    hooks: Webhooks, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    began = _last_position()
    seal(files)
    receiver.answer = KeyboardInterrupt()  # the receiver has it; nobody recorded that
    with pytest.raises(KeyboardInterrupt):
        worker.run(webhook_id)
    receiver.answer = TAKEN

    worker.run(webhook_id)
    assert (len(receiver.sent), _due()) == (1, [])
    with clock.at(clock.now() + delivery.LEASE + timedelta(seconds=1)):
        assert _due() == [webhook_id]
        worker.run(webhook_id)

    expected = _in_the_feed(began)
    assert receiver.ids() == [expected[0], *expected]
    first, again = (headers for _, headers, _ in receiver.sent[:2])
    assert first["webhook-id"] == again["webhook-id"]
    assert int(again["webhook-timestamp"]) > int(first["webhook-timestamp"])


def test_a_worker_that_was_frozen_records_nothing_once_another_has_delivered(
    hooks: Webhooks, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    began = _last_position()
    factory.kumamoto_city()
    seal(files)

    def another_delivers_all() -> None:
        with clock.at(clock.now() + delivery.LEASE + timedelta(seconds=1)):
            WebhookDelivery(receiver).run(webhook_id)

    receiver.meanwhile = another_delivers_all
    worker.run(webhook_id)

    expected = _in_the_feed(began)
    # The frozen one had sent the first; when it woke up it sent nothing more, and the place stayed at the end.
    assert receiver.ids() == [expected[0], *expected]
    assert hooks.facts(webhook_id).waiting == 0


def test_a_command_in_the_middle_of_a_delivery_counts_from_the_next_event_on(
    hooks: Webhooks, actors: Actors, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    factory.kumamoto_city()
    seal(files)
    pause = ChangeWebhookState(webhook_id=webhook_id, state=WebhookState.PAUSED)
    receiver.meanwhile = lambda: change_webhook_state(pause, actor=actors.security)

    worker.run(webhook_id)

    assert len(receiver.sent) == 1
    assert hooks.facts(webhook_id).state is WebhookState.PAUSED


def test_sending_again_repeats_the_ids_and_the_order(
    hooks: Webhooks, actors: Actors, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    seal(files)
    worker.run(webhook_id)
    before = len(receiver.sent)

    resend_webhook(ResendWebhook(webhook_id=webhook_id, since=clock.today() - timedelta(days=1)), actor=actors.security)
    worker.run(webhook_id)

    # From the day on: also what was sealed before there was a webhook.
    assert receiver.ids()[before:] == _in_the_feed()


def test_an_address_that_nobody_approved_gets_nothing(
    hooks: Webhooks, actors: Actors, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    seal(files)
    with system_transaction(OPERATOR) as session:
        session.execute(text("UPDATE webhook SET url = 'https://evil.example/'"))

    worker.run(webhook_id)

    assert receiver.sent == []
    assert hooks.facts(webhook_id).last_problem is DeliveryProblem.NOT_APPROVED
    command = ChangeWebhookAddress(webhook_id=webhook_id, url="https://other.example.jp/")
    approved(change_webhook_address, command, WebhookAddressChanged, actor=actors.security, by=actors.approver)
    worker.run(webhook_id)
    assert {url for url, _, _ in receiver.sent} == {"https://other.example.jp/"}


@pytest.mark.parametrize("is_broken", [False, True])
def test_without_the_key_nothing_is_sent_and_the_page_says_so(
    hooks: Webhooks, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery, is_broken: bool
) -> None:
    webhook_id, _ = hooks.create()
    seal(files)
    files.key_file.write_text("no key") if is_broken else files.key_file.unlink()

    worker.run(webhook_id)

    assert receiver.sent == []
    assert hooks.facts(webhook_id).last_problem is DeliveryProblem.NO_KEY


def test_for_a_day_both_secrets_sign_and_then_the_new_one_alone(
    hooks: Webhooks, factory: Factory, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery
) -> None:
    webhook_id, _ = hooks.create()
    hooks.secret(webhook_id)
    seal(files)
    worker.run(webhook_id)
    assert {len(headers["webhook-signature"].split()) for _, headers, _ in receiver.sent} == {2}
    before = len(receiver.sent)
    factory.kumamoto_city()
    seal(files)

    with clock.at(clock.now() + delivery.SECRET_OVERLAP):
        worker.run(webhook_id)

    assert {len(headers["webhook-signature"].split()) for _, headers, _ in receiver.sent[before:]} == {1}


def test_facts_that_are_too_long_are_left_out(
    hooks: Webhooks, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_id, _ = hooks.create()
    seal(files)
    monkeypatch.setattr(delivery, "MAX_BODY_BYTES", 600)

    worker.run(webhook_id)

    created = next(body["data"] for _, _, body in receiver.sent if body["type"] == "webhook.created")
    assert created["facts"] is None
    assert created["id"] in _in_the_feed()


def test_slow_receivers_leave_threads_for_other_work(
    hooks: Webhooks, files: AuditFiles, receiver: Receiver, worker: WebhookDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (hooks.create(url=f"https://{number}.example.jp/")[0] for number in range(3))
    seal(files)
    tried: list[str] = []

    def while_first() -> None:
        receiver.meanwhile = while_second
        worker.run(second)

    def while_second() -> None:
        before = len(receiver.sent)
        worker.run(third)
        tried.append("nothing" if len(receiver.sent) == before else "something")

    receiver.meanwhile = while_first
    worker.run(first)

    assert tried == ["nothing"]
    worker.run(third)
    assert hooks.facts(third).waiting == 0


def test_a_run_ends_when_its_time_is_over_and_the_rest_is_due_at_once(
    hooks: Webhooks,
    factory: Factory,
    files: AuditFiles,
    receiver: Receiver,
    worker: WebhookDelivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    webhook_id, _ = hooks.create()
    factory.kumamoto_city()
    seal(files)
    receiver.meanwhile = lambda: monkeypatch.setattr(time, "monotonic", lambda: float("inf"))

    worker.run(webhook_id)

    monkeypatch.undo()
    assert len(receiver.sent) == 1
    assert _due() == [webhook_id]


def test_the_worker_finds_what_waits_and_delivers_it(
    hooks: Webhooks,
    files: AuditFiles,
    receiver: Receiver,
    worker: WebhookDelivery,
    database: Flask,
    postgresql: servers.PostgreSQL,
    database_name: str,
) -> None:
    webhook_id, _ = hooks.create()
    queue = Queue(postgresql.app_url(database_name))
    jobs = JobWorker(
        database,
        queue,
        handlers={},
        run_onboarding=lambda one: None,
        seal_audit_log=lambda: None,
        deliver=worker.run,
    )
    queue.serve(run_job=jobs.run_job, run_onboarding=lambda one: None, deliver=jobs.deliver)
    assert jobs.sweep() == 0
    seal(files)

    assert jobs.sweep() == 1
    assert jobs.sweep() == 0
    task = queue.huey.dequeue()
    assert task is not None
    queue.huey.execute(task)

    assert hooks.facts(webhook_id).waiting == 0
    assert receiver.ids()
    assert jobs.sweep() == 0
    queue.huey.storage.close()


@pytest.fixture
def sample(hooks: Webhooks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[UUID, SampleReceiver]]:
    with clock.at(clock.now() - timedelta(minutes=90)):
        webhook_id, secret = hooks.create()
    made = SampleReceiver(tmp_path, secret)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority.file))
    yield webhook_id, made
    made.stop()


def test_a_receiver_that_is_down_for_an_hour_gets_each_event_once_in_order_by_stream(
    hooks: Webhooks,
    factory: Factory,
    files: AuditFiles,
    sample: tuple[UUID, SampleReceiver],
) -> None:
    webhook_id, served = sample
    began = _last_position()
    worker = WebhookDelivery(served.sender())
    end = clock.now()
    # The receiver goes by its machine's clock: the last attempt is made now, the first as long ago as that takes.
    at = end - sum(RETRY_DELAYS, start=RETRY_DELAYS[-1])
    for make in (factory.kumamoto_city, None, None, factory.aso_city, None, None, None):
        with clock.at(at):
            if make is not None:
                make()
                seal(files)
            assert _due() == [webhook_id]
            worker.run(webhook_id)
        at = hooks.facts(webhook_id).next_attempt_at
    facts = hooks.facts(webhook_id)
    assert (facts.failures, facts.last_success_at) == (7, None)
    assert facts.waiting == len(_in_the_feed(began)) > 5
    assert facts.failing_since is not None
    assert end - facts.failing_since > timedelta(hours=1)
    assert abs(at - end) < timedelta(seconds=1)

    served.start()
    with clock.at(at):
        worker.run(webhook_id)

    received = served.received()
    assert [event["id"] for event in received] == _in_the_feed(began)
    streams: dict[str, list[int]] = {}
    for event in received:
        streams.setdefault(event["tenant_id"], []).append(event["sequence"])
    assert len(streams) == 3
    assert _without_gap(streams)
    assert hooks.facts(webhook_id).waiting == 0


def test_the_sample_receiver_refuses_what_is_altered_old_or_sent_again_and_drops_what_moyai_repeats(
    hooks: Webhooks, files: AuditFiles, sample: tuple[UUID, SampleReceiver]
) -> None:
    webhook_id, served = sample
    seal(files)
    heard: list[tuple[dict[str, str], bytes]] = []
    send = served.sender()

    def listened_to(url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        heard.append((dict(headers), body))
        return send(url, headers, body)

    served.start()
    WebhookDelivery(listened_to).run(webhook_id)
    received = served.received()
    assert len(received) == len(heard) > 1
    headers, body = heard[-1]
    other = heard[0][1]
    timestamp = int(headers["webhook-timestamp"])

    def signed(message_id: str, at: int, content: bytes, secret: str = served.secret) -> dict[str, str]:
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(at),
            "webhook-signature": sign([secret], message_id, at, content),
        }

    refused = {
        "replayed": (headers, body),
        "another body": (headers, other),
        "a byte more": (headers, body + b" "),
        "another timestamp": (headers | {"webhook-timestamp": str(timestamp + 1)}, body),
        "another id": (headers | {"webhook-id": heard[0][0]["webhook-id"]}, body),
        "a new id": (headers | {"webhook-id": "new"}, body),
        "no signature": ({name: text for name, text in headers.items() if name != "webhook-signature"}, body),
        "another scheme": (headers | {"webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")}, body),
        "somebody else's": (signed("new", timestamp, body, "whsec_" + base64.b64encode(b"x" * 32).decode()), body),
        "signed long ago": (signed("new", timestamp - 301, body), body),
        "signed for later": (signed("new", timestamp + 400, body), body),
    }
    answers = {name: served.post(given, content) for name, (given, content) in refused.items()}
    assert answers == {name: 409 if name == "replayed" else 401 for name in refused}
    assert served.received() == received

    # What Moyai itself sends again comes under the same id, signed anew: taken, so that it goes on, and dropped.
    assert served.post(signed(headers["webhook-id"], timestamp + 1, body), body) == 204
    assert served.received() == received
    assert served.post(signed("new", timestamp + 1, body), body) == 204
    assert len(served.received()) == len(received) + 1


def test_what_a_killed_worker_had_sent_is_dropped_by_the_sample_receiver(
    hooks: Webhooks, files: AuditFiles, sample: tuple[UUID, SampleReceiver]
) -> None:
    webhook_id, served = sample
    began = _last_position()
    seal(files)
    send, statuses = served.sender(), []

    def killed(url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        statuses.append(send(url, headers, body).status)
        raise SystemExit

    def alive(url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        attempt = send(url, headers, body)
        statuses.append(attempt.status)
        return attempt

    served.start()
    with pytest.raises(SystemExit):
        WebhookDelivery(killed).run(webhook_id)
    assert len(served.received()) == 1
    with clock.at(clock.now() + delivery.LEASE + timedelta(seconds=1)):
        WebhookDelivery(alive).run(webhook_id)

    assert [event["id"] for event in served.received()] == _in_the_feed(began)
    assert statuses == [204] * (len(served.received()) + 1)
