"""One person under two names: each way to be both requester and decider, for each command that needs two people.

`GRID` has every pair of a way and a command. A way is walked through the real entry points, and then once more in the
database as the application's role. That a command is the same from each entry point, `test_every_command` shows.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from admin.features.commands import COMMAND_MODULES
from admin.operations.settings import Settings
from billing.costs.commands import RecordCost, record_cost
from billing.costs.states import ItemKind
from billing.runs.commands import AllocationPrepared
from billing.runs.states import RunKind
from governance import grants
from governance.actors import Actor, command_line_actor
from governance.approvals import ApprovalRequestFacts, pending_requests
from governance.commands import ApprovedCommandHandler, collect_commands, system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.permissions import Role
from governance.rules.commands import DraftRule, draft_rule
from tenancy.keycloak.keys import SigningKey
from tenancy.keycloak.port import Realm, service_client_name
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.issuer import Issuer
from tests.admin.signed_in import sign_in
from tests.admin.visitors import Visit
from tests.billing.ledger.books import posted
from tests.database_rows import rows
from tests.factories import BODY, ISSUER, Visitors
from tests.second_person import join

pytestmark = pytest.mark.slow

FINANCE, APPROVER, SECURITY = Role.OPERATOR_FINANCE, Role.OPERATOR_APPROVER, Role.OPERATOR_SECURITY
REQUESTING, DECIDING = (FINANCE, SECURITY, Role.OPERATOR_ONBOARDING), (APPROVER, SECURITY)
"""What one person must hold to request, and another to decide, each of the commands."""

NO_PERSON, ONE_PERSON = "only a person who is signed in decides", "are one person"
"""What the database says."""

NOT_COMPARED: Final = frozenset(
    {"audit_event", "audit_seal", "idempotency_key", "web_session", "kept_form", "realm_keys"}
)
"""What grows with every attempt: who tried what; and the realm's public keys, kept when a token first asks for them."""


COMMANDS: Final = (
    "post_entry",
    "reverse_entry",
    "adopt_rule",
    "issue_notices",
    "post_allocation",
    "set_issuer",
    "join_accounts",
    "grant_role",
    "undo_role_change",
    "end_role",
    "reset_factor",
    "add_member",
    "register_client",
    "create_webhook",
    "change_webhook_address",
    "change_period_state",
    "change_year_state",
    "conclude_application",
    "start_break_glass",
    "set_sign_in_limits",
)
"""What one person must not do alone: every command that is declared to need a second one."""

FROM_SHELL: Final = tuple(name for name in COMMANDS if name not in ("add_member", "grant_role"))
"""What the shell may request: it names nobody of the operator's any more, see below."""

GRID: Final[dict[str, tuple[str, ...]]] = {
    "LOGNAME and USER": FROM_SHELL,
    "sudo": FROM_SHELL,
    "two uids": FROM_SHELL,
    "shell, then anybody": FROM_SHELL,
    "shell, then its person": FROM_SHELL,
    "person, then shell": COMMANDS,
    "one account": COMMANDS,
    "two accounts, joined": COMMANDS,
    "two accounts, one address": COMMANDS,
    "service client": COMMANDS,
}
"""Way → the commands that are requested, and then tried to be decided, in that way."""


@dataclass(frozen=True)
class Act:
    """One command that needs a second person: `command` is its name, the rest how each entry point asks for it."""

    command: str
    words: tuple[str, ...]
    method: str
    path: str
    body: dict[str, Any]
    given: str = ""


REQUESTS: Final = frozenset({"approval_request", "allocation_run", "allocation_share", "allocation_working"})
"""What a request adds: itself, and the split of a run that is prepared."""

Attempt = Callable[[ApprovalRequestFacts], tuple[int, str]]
"""Approve a request; what comes of it: a status or an exit code, and what was said."""


@pytest.fixture
def acts(sample: ConsoleSample) -> list[Act]:
    """Each of them on something that it could be done to at once."""
    factory, actors = sample.factory, sample.factory.actors
    tenant = sample.tenant_id

    def more(yen: int) -> AllocationPrepared:
        record = RecordCost(
            fiscal_year=2025, pool="running", kind=ItemKind.COST, name=f"追加 {yen}", yen=yen, source="契約書"
        )
        record_cost(record, actor=actors.finance)
        return factory.prepare(RunKind.REVISION)

    to_notify = more(1_000_000)
    factory.approve(to_notify)
    draft = DraftRule(name="running-cost", label="運営経費負担規則", body=BODY, valid_from=date(2026, 4, 1))
    version = draft_rule(draft, actor=actors.finance).version_id
    entry = posted(actors, tenant).entry_id
    record_cost(
        RecordCost(fiscal_year=2025, pool="running", kind=ItemKind.COST, name="増額", yen=500_000, source="契約書"),
        actor=actors.finance,
    )
    auditor, operator = sample.people[Role.OPERATOR_AUDITOR], actors.operator_tenant
    issuer = ISSUER.model_dump(mode="json") | {"payee": "別の納入先"}
    joined = {"account": auditor.id, "other": "cli:taro", "reason": "同じ人"}
    role = {"role": "operator-auditor", "reason": "異動"}
    granted = {"role": "operator-onboarding", "reason": "異動"}
    with system_transaction(OPERATOR) as session:
        later = clock.now() + timedelta(days=30)
        planned = grants.grant(session, operator, UUID(auditor.id), Role.OPERATOR_SECURITY, later, "test")
    system = {"name": "財務会計システム", "jwks": SigningKey.generate().public_jwks}
    lost = {"reason": "端末を紛失したため"}
    receiver = {"name": "もう一つの送信先", "url": "https://log.example.jp/in"}
    moved = {"url": "https://siem.example.jp/moved"}
    named = {"family_name": "例示", "given_name": "二郎", "email": "new@pref.example.jp"}
    lines = [{"account": "receivable", "yen": 1_000}, {"account": "burden", "yen": -1_000}]
    slip = {"reference": "one-person", "happened_on": "2025-06-01", "lines": lines, "memo": "負担金"}
    decided = {"decided_by": "運営協議会", "decision_number": "令和8年第1号", "decided_on": "2025-06-01"}
    undone = {"happened_on": "2025-06-01", "reason": "誤り"}
    books = f"/tenants/{tenant}/ledger"
    application = factory.apply("荒尾市", "432041")
    factory.submit_application(application)
    rejected = {"outcome": "reject", "letter": "承認しません。"}
    longer = {"idle_minutes": 60, "longest_hours": 12, "step_up_minutes": 10}
    onboarding = sample.people[Role.OPERATOR_ONBOARDING]
    urgent = {"reason": "担当者が全員不在のため"}
    return [
        Act("post_entry", ("ledger", "post", "431001", "-"), "POST", f"{books}/entries", slip, json.dumps(slip)),
        Act(
            "reverse_entry",
            ("ledger", "reverse", "431001", str(entry), *options(undone)),
            "POST",
            f"{books}/entries/{entry}/reversal",
            undone,
        ),
        Act(
            "adopt_rule",
            ("rule", "adopt", str(version), *options(decided)),
            "POST",
            f"/rule-versions/{version}/adoption",
            decided,
        ),
        Act(
            "issue_notices",
            ("notice", "issue", str(to_notify.run_id)),
            "POST",
            f"/allocation-runs/{to_notify.run_id}/notices",
            {},
        ),
        Act(
            "post_allocation",
            ("allocation", "prepare", "2025", "--kind", "revision"),
            "POST",
            "/allocation-runs",
            {"fiscal_year": 2025, "kind": "revision"},
        ),
        Act("set_issuer", ("notice", "set-issuer", *options(issuer)), "PUT", "/notice-issuer", issuer),
        Act("join_accounts", ("member", "join-accounts", *options(joined)), "POST", "/joined-accounts", joined),
        Act(
            "grant_role",
            ("member", "grant-role", "430005", auditor.id, *options(granted)),
            "POST",
            f"/tenants/{operator}/members/{auditor.id}/role-grants",
            granted,
        ),
        Act(
            "undo_role_change",
            ("member", "undo-role-change", "430005", auditor.id, str(planned), "--reason", "誤り"),
            "POST",
            f"/tenants/{operator}/members/{auditor.id}/planned-role-changes/{planned}/undoing",
            {"reason": "誤り"},
        ),
        Act(
            "end_role",
            ("member", "end-role", "430005", auditor.id, *options(role)),
            "POST",
            f"/tenants/{operator}/members/{auditor.id}/role-ends",
            role,
        ),
        Act(
            "reset_factor",
            ("member", "reset-factor", "430005", auditor.id, *options(lost)),
            "POST",
            f"/tenants/{operator}/members/{auditor.id}/factor-reset",
            lost,
        ),
        Act(
            "add_member",
            ("member", "add", "430005", *options(named), "--role", "operator-approver"),
            "POST",
            f"/tenants/{operator}/members",
            named | {"roles": ["operator-approver"]},
        ),
        Act(
            "register_client",
            ("service-client", "register", "430005", "--name", system["name"], "--jwks", "-"),
            "POST",
            f"/tenants/{operator}/service-clients",
            system,
            system["jwks"],
        ),
        Act(
            "create_webhook",
            ("webhook", "create", "430005", *options(receiver)),
            "POST",
            f"/tenants/{operator}/webhooks",
            receiver,
        ),
        Act(
            "change_webhook_address",
            ("webhook", "set-address", str(sample.webhook_id), *options(moved)),
            "PUT",
            f"/webhooks/{sample.webhook_id}/address",
            moved,
        ),
        # The last one: a closing year takes no postings.
        Act(
            "change_period_state",
            ("ledger", "period", "431001", "2025", "closing"),
            "PUT",
            f"{books}/periods/2025",
            {"to": "closing"},
        ),
        Act(
            "change_year_state",
            ("ledger", "year", "2025", "closing"),
            "POST",
            "/ledger/years/2025/state-changes",
            {"to": "closing"},
        ),
        Act(
            "conclude_application",
            ("application", "conclude", str(application), *options(rejected), "--reason", "purpose"),
            "POST",
            f"/applications/{application}/conclusion",
            rejected | {"reasons": ["purpose"]},
        ),
        Act(
            "start_break_glass",
            ("break-glass", "start", "430005", onboarding.id, *options(urgent)),
            "POST",
            f"/tenants/{operator}/members/{onboarding.id}/break-glass-hours",
            urgent,
        ),
        Act("set_sign_in_limits", ("session", "set-limits", *options(longer)), "PUT", "/sign-in-limits", longer),
    ]


def options(values: Mapping[str, object]) -> Iterable[str]:
    for name, value in values.items():
        yield from (f"--{name.replace('_', '-')}", str(value))


@dataclass
class Names:
    """The ways in which somebody comes: the shell of the machine, the API, the console, a command line signed in."""

    web: Flask
    settings: Settings
    issuer: Issuer
    sample: ConsoleSample
    visitors: Visitors
    moyai: Moyai
    signed_in: Callable[[Actor], Visit]
    folder: Path
    patch: pytest.MonkeyPatch

    def shell(self, *, uid: int | None = None, **variables: str) -> None:
        """The environment of the shell from now on; another uid where one is named."""
        for name, value in variables.items():
            self.patch.setenv(name, value)
        if uid is not None:
            self.patch.setattr(os, "getuid", lambda: uid)

    def request_by_shell(self, act: Act) -> None:
        code, answer, stderr = self.moyai(*act.words, given=act.given)
        assert code == 0, (act.command, answer, stderr)

    def request_by_api(self, person: Actor) -> Callable[[Act], None]:
        caller = self.caller(person)

        def request(act: Act) -> None:
            answer = caller.send(act.path, act.body, method=act.method)
            assert answer.status_code == (201 if act.command == "post_allocation" else 202), answer.text

        return request

    def caller(self, person: Actor) -> Caller:
        token = self.issuer.token_of_person(
            person.tenant_id,
            UUID(person.id),
            *person.roles,
            realm=Realm.OPERATORS if person.is_operator else Realm.TENANTS,
        )
        return Caller(self.web, self.settings.public_url, token, person)

    def by_shell(self, found: ApprovalRequestFacts) -> tuple[int, str]:
        words: list[tuple[str, ...]] = [("approval", "decide", str(found.id), "--decision", "approved")]
        if found.command == "post_allocation":
            words.append(("allocation", "approve", str(found.subject_id)))
        said = [self.moyai.refusal(*one, "--digest", found.digest) for one in words]
        assert {code for _, code, _ in said[1:]} <= {said[0][1], "permission.missing"}
        return said[0][0], said[0][1]

    def by_command_line(self, person: Actor) -> Attempt:
        """With `moyai login`, on a machine without an installation."""
        token = self.caller(person).token
        assert token is not None

        def attempt(found: ApprovalRequestFacts) -> tuple[int, str]:
            file = sign_in(self.web, self.settings.public_url, token, self.folder / "config", self.patch)
            try:
                return self.by_shell(found)
            finally:
                file.remove()

        return attempt

    def by_api(self, person: Actor) -> Attempt:
        caller = self.caller(person)

        def attempt(found: ApprovalRequestFacts) -> tuple[int, str]:
            answer = caller.send(f"/approvals/{found.id}/decision", {"digest": found.digest, "decision": "approved"})
            if found.command == "post_allocation":
                run = caller.send(f"/allocation-runs/{found.subject_id}/approval", {"digest": found.digest})
                assert run.get_json()["code"] in (answer.get_json()["code"], "permission.missing")
            return answer.status_code, answer.get_json()["code"]

        return attempt

    def by_console(self, person: Actor, *, shown_to: Actor | None = None) -> Attempt:
        """With the form's own values, which are taken from the page of somebody who may decide it."""
        visit = self.signed_in(person)
        other = self.signed_in(shown_to or self.visitors.person(person.tenant_id, *DECIDING))

        def attempt(found: ApprovalRequestFacts) -> tuple[int, str]:
            page = other.get(f"/approvals/{found.id}").text
            shown = cast("re.Match[str]", re.search(r'name="shown_digest" value="([^"]*)"', page))[1]
            assert ('id="decide"' in visit.get(f"/approvals/{found.id}").text) is (shown_to is person)
            answer = visit.submit(
                f"/approvals/{found.id}/decide",
                digest=found.digest,
                shown_digest=shown,
                decision="approved",
                key=f"one-{found.id}",
            )
            return answer.status_code, answer.text

        return attempt


@pytest.fixture
def names(
    web: Flask,
    settings: Settings,
    issuer: Issuer,
    sample: ConsoleSample,
    visitors: Visitors,
    moyai: Moyai,
    signed_in: Callable[[Actor], Visit],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Names:
    return Names(web, settings, issuer, sample, visitors, moyai, signed_in, tmp_path, monkeypatch)


@pytest.fixture
def refuse_all(acts: list[Act]) -> Callable[..., None]:
    """Request every command of the way, try to approve each, and find that nothing was done and that all still wait."""

    def walk(
        way: str,
        request: Callable[[Act], None],
        attempts: Iterable[Attempt],
        codes: Iterable[str],
        *,
        between: Callable[[], object] = lambda: None,
        decider: str,
        wall: str,
    ) -> None:
        known = {one.id for one in waiting()}
        before = everything(but=REQUESTS)
        for act in acts:
            if act.command in GRID[way]:
                request(act)
        asked = [one for one in waiting() if one.id not in known]
        assert tuple(one.command for one in asked) == GRID[way]
        assert everything(but=REQUESTS) == before
        between()
        before = everything()
        for found in asked:
            for attempt in attempts:
                status, said = attempt(found)
                assert status in (1, 403, 409), (found.command, status, said)
                assert any(code in said for code in codes), (found.command, said)
            with pytest.raises(IntegrityError, match=wall):
                decide_in_the_database(found, decider)
        assert everything() == before

    return walk


def waiting() -> list[ApprovalRequestFacts]:
    with tenant_scope(OPERATOR):
        return pending_requests(db.session())


def everything(but: Iterable[str] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Every row there is, but those of attempts and of these tables."""
    with tenant_scope(OPERATOR):
        names = db.session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
    left_out = NOT_COMPARED | set(but)
    return {name: rows(name) for name in names if name not in left_out and not name.startswith("huey")}


def decide_in_the_database(found: ApprovalRequestFacts, decider: str) -> None:
    """As the application's role, without any of our code."""
    with system_transaction(OPERATOR) as session:
        session.execute(
            text(
                "UPDATE approval_request SET decided_by = :decider, decided_at = now(), decision = 'approved',"
                " decision_reason = '' WHERE id = :id"
            ),
            {"decider": decider, "id": found.id},
        )


def test_each_command_that_needs_two_people_is_walked(acts: list[Act]) -> None:
    needing = {
        name for name, one in collect_commands(COMMAND_MODULES).items() if isinstance(one, ApprovedCommandHandler)
    }
    assert tuple(act.command for act in acts) == COMMANDS
    assert set(COMMANDS) == needing


def test_each_way_is_walked() -> None:
    """Each test of a way takes it as its argument `way`, and together they take all."""
    marks = [mark for one in globals().values() for mark in getattr(one, "pytestmark", ())]
    walked = [way for mark in marks if mark.args[0] == "way" for way in mark.args[1]]
    assert sorted(walked) == sorted(GRID)


def test_two_people_do_each_of_them(names: Names, acts: list[Act], sample: ConsoleSample, visitors: Visitors) -> None:
    """So what is refused below is refused for who it is, and for nothing else."""
    operator = sample.factory.actors.operator_tenant
    first, person = visitors.person(operator, *REQUESTING), visitors.person(operator, *DECIDING)
    known = {one.id for one in waiting()}
    for act in acts:
        names.request_by_api(first)(act)
    approve = names.by_console(person, shown_to=person)

    for found in [one for one in waiting() if one.id not in known]:
        status, said = approve(found)
        assert status == 303, (found.command, said)

    assert {one.id for one in waiting()} == known


# -- the shell alone

OTHER_NAMES: Final[dict[str, dict[str, Any]]] = {
    "LOGNAME and USER": {"LOGNAME": "bob", "USER": "bob"},
    "sudo": {"SUDO_UID": "1042", "SUDO_USER": "bob", "SUDO_GID": "1042"},
    "two uids": {"uid": 65534},
}


@pytest.mark.parametrize("way", OTHER_NAMES)
def test_a_shell_under_another_name_approves_nothing(names: Names, refuse_all: Callable[..., None], way: str) -> None:
    names.shell(LOGNAME="alice", USER="alice", SUDO_UID="1041", SUDO_USER="alice")

    refuse_all(
        way,
        names.request_by_shell,
        [names.by_shell],
        ["permission.decided_by_people"],
        between=lambda: names.shell(**OTHER_NAMES[way]),
        decider="cli:bob",
        wall=NO_PERSON,
    )


# -- the shell and a person

UNKNOWN: Final = ["approval.requester_unknown", "がだれの操作か登録されていないため"]
OWN: Final = ["approval.own_request", "自分が申請したものを、自分で承認"]


@pytest.mark.parametrize("way", ["shell, then anybody"])
def test_what_the_shell_requested_nobody_approves_while_nobody_knows_whose_it_is(
    names: Names, sample: ConsoleSample, visitors: Visitors, refuse_all: Callable[..., None], way: str
) -> None:
    person = visitors.person(sample.factory.actors.operator_tenant, *DECIDING)

    refuse_all(
        way,
        names.request_by_shell,
        [names.by_api(person), names.by_command_line(person)],
        UNKNOWN,
        decider=person.id,
        wall="nobody recorded whose account",
    )


@pytest.mark.parametrize("way", ["shell, then its person"])
def test_what_the_shell_requested_its_own_person_does_not_approve(
    names: Names, sample: ConsoleSample, visitors: Visitors, refuse_all: Callable[..., None], way: str
) -> None:
    operator = sample.factory.actors.operator_tenant
    person, shell = visitors.person(operator, *DECIDING), command_line_actor(operator)
    join(shell.id, shell.tenant_id, join(person.id, person.tenant_id))

    refuse_all(
        way,
        names.request_by_shell,
        [names.by_api(person), names.by_console(person), names.by_command_line(person)],
        OWN,
        decider=person.id,
        wall=ONE_PERSON,
    )


@pytest.mark.parametrize("way", ["person, then shell"])
def test_what_a_person_requested_the_shell_does_not_approve(
    names: Names, sample: ConsoleSample, visitors: Visitors, refuse_all: Callable[..., None], way: str
) -> None:
    refuse_all(
        way,
        names.request_by_api(visitors.person(sample.factory.actors.operator_tenant, *REQUESTING)),
        [names.by_shell],
        ["permission.decided_by_people"],
        decider="cli:root",
        wall=NO_PERSON,
    )


# -- a person with one account, or with two


@pytest.mark.parametrize("way", ["one account"])
def test_one_account(
    names: Names, sample: ConsoleSample, refuse_all: Callable[..., None], visitors: Visitors, way: str
) -> None:
    person = visitors.person(sample.factory.actors.operator_tenant, *REQUESTING)

    refuse_all(
        way,
        names.request_by_api(person),
        [names.by_api(person), names.by_console(person), names.by_command_line(person)],
        OWN,
        decider=person.id,
        wall=ONE_PERSON,
    )


@pytest.mark.parametrize("way", ["two accounts, joined", "two accounts, one address"])
def test_two_accounts_of_one_person(
    names: Names, sample: ConsoleSample, refuse_all: Callable[..., None], visitors: Visitors, way: str
) -> None:
    operator = sample.factory.actors.operator_tenant
    first, second = visitors.person(operator, *REQUESTING), visitors.person(operator, *DECIDING)
    if way == "two accounts, one address":
        give_the_address_of(first, second)
    else:
        join(first.id, operator, join(second.id, operator))

    refuse_all(
        way,
        names.request_by_api(first),
        [names.by_api(second), names.by_console(second), names.by_command_line(second)],
        OWN,
        decider=second.id,
        wall=ONE_PERSON,
    )


def give_the_address_of(first: Actor, second: Actor) -> None:
    """The second account as after the first one was removed and its person entered anew."""
    with system_transaction(OPERATOR) as session:
        address = session.scalar(text("SELECT email FROM member WHERE person_id = :id"), {"id": first.id})
        session.execute(
            text("UPDATE member SET email = :new, email_key = :new WHERE person_id = :id"),
            {"new": f"former-{first.id}@example.jp", "id": first.id},
        )
        session.execute(
            text("UPDATE member SET email = :address, email_key = :address WHERE person_id = :id"),
            {"address": address, "id": second.id},
        )


@pytest.mark.parametrize("way", ["service client"])
def test_a_service_client_requests_and_approves_nothing(
    names: Names, acts: list[Act], sample: ConsoleSample, visitors: Visitors, way: str
) -> None:
    person = visitors.person(sample.factory.actors.operator_tenant, *REQUESTING)
    client = sample.factory.add_service_client(sample.tenant_id)
    token = names.issuer.token_of_client(sample.tenant_id, client, "moyai:usage.read", "moyai:quota.read")
    caller = Caller(names.web, names.settings.public_url, token)
    # With the first token of a realm its keys are kept.
    assert caller.get("/tenants").status_code == 200
    before = everything()

    for act in acts:
        assert caller.send(act.path, act.body, method=act.method).status_code in (403, 404), act.command

    assert everything() == before
    known = {one.id for one in waiting()}
    for act in acts:
        names.request_by_api(person)(act)
    before, asked = everything(), [one for one in waiting() if one.id not in known]
    assert tuple(one.command for one in asked) == GRID[way]
    for found in asked:
        answer = caller.send(f"/approvals/{found.id}/decision", {"digest": found.digest, "decision": "approved"})
        assert answer.status_code in (403, 404)
        with pytest.raises(IntegrityError, match=NO_PERSON):
            decide_in_the_database(found, service_client_name(sample.tenant_id, client))
    assert everything() == before


# -- the operator's roles


def test_the_shell_grants_no_operator_role_once_people_do(
    names: Names, sample: ConsoleSample, visitors: Visitors
) -> None:
    operator = sample.factory.actors.operator_tenant
    for roles in ((SECURITY,), (SECURITY,), (APPROVER,)):
        visitors.person(operator, *roles)
    before = everything()
    person = ("--family-name", "例示", "--given-name", "太郎", "--email", "second-name@pref.example.jp")

    for variables in ({}, *OTHER_NAMES.values()):
        names.shell(**variables)
        for role in (APPROVER, FINANCE, SECURITY):
            refused = names.moyai.refusal("member", "add", "430005", *person, "--role", role.value)
            assert refused[:2] == (1, "operator.named_by_people")

    assert everything() == before


# -- the database, whatever the code does


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO approval_request (id, tenant_id, kind, subject_id, digest, requested_by, requested_at,"
        " request_reason, command, body, second_person, decided_by, decided_at, decision, decision_reason)"
        " SELECT gen_random_uuid(), tenant_id, kind || '2', subject_id, digest, requested_by, requested_at, '',"
        " command, body, second_person, gen_random_uuid()::text, now(), 'approved', '' FROM approval_request",
        "UPDATE approval_request SET requested_by = 'somebody'",
        "UPDATE approval_request SET requester_persons = '{}'",
        "UPDATE approval_request SET body = '{}'",
        "DELETE FROM person_account",
        "UPDATE person_account SET person_id = gen_random_uuid()",
    ],
)
def test_the_applications_role_cannot_make_two_of_one(
    names: Names, acts: list[Act], sample: ConsoleSample, visitors: Visitors, statement: str
) -> None:
    person = visitors.person(sample.factory.actors.operator_tenant, *REQUESTING)
    for act in acts:
        names.request_by_api(person)(act)
    before = everything()

    with pytest.raises(ProgrammingError, match="permission denied"), system_transaction(OPERATOR) as session:
        session.execute(text(statement))

    assert everything() == before
