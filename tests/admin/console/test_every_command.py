"""Every declared command through API, command line and form: equal commands, equal errors, labels, no other field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import update_wrapper
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import update

from admin import features
from admin.features import FEATURES, api_routes
from admin.interface.api_routes import edited_objects
from admin.interface.command_forms import CODE_TYPED, is_name_for_programs
from admin.interface.entry_points import EntryPoint
from billing.notices.commands import issue_notices
from billing.runs.states import RunKind
from governance.actors import Actor, ActorKind
from governance.approvals import pending_requests
from governance.approvals.commands import DecideApproval, decide_approval
from governance.approvals.states import Decision
from governance.commands import (
    ApprovalRequested,
    ApprovedCommandHandler,
    Command,
    CommandContext,
    CommandHandler,
    Result,
    system_transaction,
)
from governance.declaration import DeclaredField, declared_field, declared_fields, read_command
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, message
from governance.kernel.field_type import Control
from governance.kernel.field_types import FIELD_TYPES
from governance.kernel.ids import new_id
from governance.kernel.labels import LabelledEnum
from governance.permissions import DECIDABLE_BY, DECISIONS, OPERATOR_ROLES, ROLE_PERMISSIONS, Role
from tenancy.acceptances.commands import remind_of_agreement
from tenancy.onboarding.commands import StartOnboarding, start_onboarding
from tenancy.people.consents import decline_consent, give_consent
from tenancy.people.identity_providers.commands import register_identity_provider
from tenancy.people.role_changes import grant_role
from tenancy.people.states import SyncProblem
from tenancy.people.tables import Member
from tenancy.tenants.contacts import RecordContact, record_contact
from tenancy.tenants.states import ContactPurpose
from tenancy.tenants.tables import Cohort
from tests.admin.api.conftest import Caller
from tests.admin.cli.command_line import Moyai
from tests.admin.console.conftest import ConsoleSample
from tests.admin.visitors import Visit
from tests.database_rows import rows

FOLDER: Final = Path(features.__file__).parent
CAPTURED: Final = message("test.captured", ja="記録した", en="Captured.")


def entry_points() -> list[EntryPoint]:
    found: list[EntryPoint] = []
    for feature in FEATURES:
        if (FOLDER / feature.name / "entry_points.py").is_file():
            found += import_module(f"admin.features.{feature.name}.entry_points").ENTRY_POINTS
    return found


ENTRY_POINTS: Final = entry_points()
BY_NAME: Final = pytest.mark.parametrize(
    "entry_point",
    ENTRY_POINTS,
    ids=[one.handler.name for one in ENTRY_POINTS],
)


@pytest.fixture
def captured(
    web: Flask, sample: ConsoleSample, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> list[Command]:
    """The declared commands that reach a handler from now on. None is executed: each is refused after it was noted.

    The installation is an example, so that a field it fills differs from the field's default.
    """
    if request.node.callspec.params["entry_point"].handler is issue_notices:
        # The confirm page shows the plan of the notices, and those of the sample's run are issued.
        sample.factory.record(1_000_000)
        revision = sample.factory.prepare(RunKind.REVISION)
        sample.factory.approve(revision)
        sample.run_id = revision.run_id
    monkeypatch.setitem(web.config, "MOYAI", web.config["MOYAI"].model_copy(update={"example": True}))
    commands: list[Command] = []
    execute = CommandHandler.__call__
    declared = [one.handler for one in ENTRY_POINTS]

    def capture(self: CommandHandler[Any, Any], command: Command, *, actor: Actor, **more: Any) -> Any:
        if self not in declared:
            return execute(self, command, actor=actor, **more)
        commands.append(command)
        raise Conflict(CAPTURED)

    monkeypatch.setattr(CommandHandler, "__call__", capture)
    monkeypatch.setattr(CommandHandler, "try_out", lambda *_, **__: None)
    return commands


def given_fields(entry_point: EntryPoint, sample: ConsoleSample) -> dict[str, Any]:
    """What addresses fill: ids of the sample, by the field's name."""
    known: dict[str, Any] = {
        "tenant_id": sample.tenant_id,
        "run_id": sample.run_id,
        "item_id": sample.item_id,
        "member_id": sample.member_id,
        "request_id": sample.quota_request_id,
        "entry_id": sample.entry_id,
        "version_id": sample.rule_version_id,
        "approval_id": sample.approval_id,
        # The one command that names no tenant is about the operator's.
        "client_id": sample.client_id
        if "tenant_id" in entry_point.command_type.model_fields
        else sample.operators_client_id,
        "webhook_id": sample.webhook_id,
        "announcement_id": sample.announcement_id,
        "filter_id": sample.filter_id,
        "onboarding_id": new_id(),
        "grant_id": sample.grant_id,
        "token_id": sample.token_id,
        "check_id": sample.check_id,
        "renaming_id": sample.renaming_id,
        "change_id": sample.change_id,
        "application_id": sample.application_id,
        "attachment_id": sample.attachment_id,
        "review_id": sample.review_id,
        "session_id": sample.session_id,
        "hour_id": sample.hour_id,
        "purpose": "finance",
    }
    if entry_point.handler is remind_of_agreement:
        # An agreement and a rule both have versions.
        known["version_id"] = sample.version_id
    if entry_point.handler is register_identity_provider:
        # By which name the provider knows Moyai is typed; it is no client of ours.
        del known["client_id"]
    if entry_point.handler in (give_consent, decline_consent):
        known["member_id"] = _ask_for_consent(sample, holder(entry_point))
    if entry_point.page is not None and "<int:fiscal_year>" in entry_point.page.rule:
        known["fiscal_year"] = 2025
    if entry_point.record is not None:
        with tenant_scope(OPERATOR):
            present = entry_point.record(db.session(), known)
        known |= {name: present[name] for name in entry_point.hidden}
    return {name: known[name] for name in entry_point.command_type.model_fields if name in known}


def _ask_for_consent(sample: ConsoleSample, role: Role) -> UUID:
    """Another tenant asks the person of this role to be its member, too; what they would be there."""
    added = sample.factory.add_person(sample.other_id, f"{new_id()}@example.jp")
    values = {"asked_account_id": UUID(sample.people[role].id), "sync_problem": SyncProblem.AWAITING_CONSENT.value}
    with system_transaction(OPERATOR) as session:
        session.execute(update(Member).where(Member.id == added.member_id).values(**values))
    return added.member_id


def right_text(entry_point: EntryPoint, one: DeclaredField, given: dict[str, Any]) -> str | list[str] | dict[str, str]:
    """A text that the field takes: its type's first right example, or its first choice."""
    if (entry_point.handler, one.name) == (grant_role, "role"):
        # What may be chosen depends on who asks.
        return Role.TENANT_FINANCE.value
    own = entry_point.page.choices.get(one.name) if entry_point.page is not None else None
    with tenant_scope(OPERATOR):
        options = one.options(db.session(), "en") if own is None else list(own(db.session(), given, "en"))
    text = options[0][0] if options else (one.field_type.right or ("x",))[0]
    if one.is_map and one.control is not Control.FILE:
        return {"users": text}
    return [text] if one.is_list else text


def typed_texts(entry_point: EntryPoint, given: dict[str, Any]) -> dict[str, Any]:
    """Right texts for every field that must be given and that no address fills."""
    return {
        one.name: right_text(entry_point, one, given)
        for one in declared_fields(entry_point.command_type)
        if one.name not in given and one.name not in entry_point.hidden and one.info.is_required()
    }


def holder(entry_point: EntryPoint) -> Role:
    """A role that holds the permission; an operator's where one does."""
    return next(
        role
        for role in sorted(Role, key=lambda role: not role.startswith("operator-"))
        if entry_point.handler.permission in ROLE_PERMISSIONS[role] and role.startswith(("operator-", "tenant-"))
    )


def is_of_tenants(entry_point: EntryPoint) -> bool:
    """Whether no role of the operator's holds the permission."""
    return not any(entry_point.handler.permission in ROLE_PERMISSIONS[role] for role in (*OPERATOR_ROLES, Role.SYSTEM))


def test_there_are_entry_points_and_no_command_has_two() -> None:
    names = [one.handler.name for one in ENTRY_POINTS]
    assert len(names) == len(set(names)) > 2


@BY_NAME
def test_every_field_has_both_labels_and_a_reader(entry_point: EntryPoint) -> None:
    for one in entry_point.fields():
        assert one.input.ja != one.name, one.name
        assert one.input.en != one.name, one.name
        assert one.enum is None or issubclass(one.enum, LabelledEnum), one.name
        # A type of a package's own, such as the ledger's memo, brings its examples as the kernel's types do.
        is_named = one.field_type in FIELD_TYPES or bool(one.field_type.right and one.field_type.wrong)
        assert one.enum is not None or one.input.choices is not None or is_named or one.is_map, one.name


@BY_NAME
def test_api_command_line_and_form_make_the_same_command(
    entry_point: EntryPoint,
    captured: list[Command],
    sample: ConsoleSample,
    visit_as: Callable[[Role], Visit],
    caller_as: Callable[[Role], Caller],
    moyai: Moyai,
    tmp_path: Path,
) -> None:
    given = given_fields(entry_point, sample)
    texts = typed_texts(entry_point, given)
    expected = read_command(entry_point.command_type, texts, typed=True, given=given)

    if entry_point.page is not None:
        visit = visit_as(holder(entry_point))
        address = page_address(entry_point, given)
        data = dict(texts) | hidden_texts(entry_point, given)
        if entry_point.page.confirm_text is not None:
            with tenant_scope(OPERATOR):
                data[CODE_TYPED] = entry_point.page.confirm_text(db.session(), expected)
        if entry_point.page.is_reviewed:
            review = visit.submit(address, step="confirm", key="k", **data)
            assert review.status_code == 200, review.text
            assert captured == []
        assert visit.submit(address, step="apply", key="k", **data).status_code == 409
        assert captured.pop() == expected

    if entry_point.api is not None:
        body = expected.model_dump(mode="json")
        path = entry_point.api.rule
        for part, name in entry_point.api.path_params.items():
            path = path.replace(f"<{part}>", str(body.pop(name)))
        headers = {"If_Match": f'"{body.pop("version")}"'} if entry_point.api.has_version else {}
        sent = caller_as(holder(entry_point)).send(path, body or None, method=entry_point.api.method, **headers)
        assert sent.status_code == 409, sent.text
        assert captured.pop() == expected

    if entry_point.cli is not None:
        words = [*entry_point.cli.path.split(), *cli_words(entry_point, texts, given, tmp_path)]
        code, answer, stderr = moyai(*words)
        if entry_point.handler.permission in DECISIONS:
            # What another person asked for is decided by people who are signed in.
            assert (code, answer["error"]["code"], captured) == (1, "permission.decided_by_people", [])
            return
        if is_of_tenants(entry_point):
            # Whoever sits at the operator's machine is nobody of a municipality's; signed in, its people do it there.
            assert (code, answer["error"]["code"], captured) == (1, "permission.missing", [])
            return
        assert (code, answer["error"]["code"]) == (1, "test.captured"), (answer, stderr)
        # An id that the command makes for itself is another one each time.
        new_ids = [name for name in entry_point.hidden if entry_point.command_type.model_fields[name].default_factory]
        assert captured.pop().model_copy(update={name: getattr(expected, name) for name in new_ids}) == expected


@BY_NAME
def test_every_wrong_example_is_refused_alike_at_its_field_all_in_one_answer(
    entry_point: EntryPoint,
    captured: list[Command],
    sample: ConsoleSample,
    visit_as: Callable[[Role], Visit],
    moyai: Moyai,
    tmp_path: Path,
) -> None:
    given = given_fields(entry_point, sample)
    wrong = {
        one.name: one.field_type.wrong[0]
        for one in entry_point.fields(without=tuple(given))
        if one.field_type.wrong
        # On the command line a flag is given or not: it cannot be mistyped.
        and not (one.control is Control.YES_NO and entry_point.cli is not None)
        and not one.is_list
        and not one.is_map
        and one.input.choices is None
        and one.control is not Control.FILE
    }
    if not wrong:
        return
    texts = typed_texts(entry_point, given) | {name: text for name, (text, _) in wrong.items()}
    expected = {name: code for name, (_, code) in wrong.items()}

    if entry_point.page is not None:
        # A form makes names for programs itself.
        made = {one.name for one in entry_point.fields(without=tuple(given)) if is_name_for_programs(one)}
        right = {name: text for name, text in typed_texts(entry_point, given).items() if name in made}
        data = texts | right | hidden_texts(entry_point, given)
        page = visit_as(holder(entry_point)).submit(page_address(entry_point, given), step="apply", key="k", **data)
        assert page.status_code == 422
        assert set(re.findall(r'<a href="#([a-z_]+)">', page.text)) == set(expected) - made
        for name in set(expected) - made:
            assert f'id="{name}-wrong"' in page.text
    if (
        entry_point.cli is not None
        and entry_point.handler.permission not in DECISIONS
        and not is_of_tenants(entry_point)
    ):
        # A flag of the command line has no text that could be wrong.
        for name in [name for name in wrong if _is_flag(entry_point, name)]:
            del texts[name], expected[name]
        code, answer, _ = moyai(*entry_point.cli.path.split(), *cli_words(entry_point, texts, given, tmp_path))
        errors = answer["error"].get("errors") or [answer["error"]]
        assert code == 2
        assert sorted(error["code"] for error in errors) == sorted(expected.values())
    assert captured == []


@BY_NAME
def test_every_control_of_a_form_has_a_label_and_its_references_resolve(
    entry_point: EntryPoint, sample: ConsoleSample, visit_as: Callable[[Role], Visit]
) -> None:
    if entry_point.page is None:
        return
    page = visit_as(holder(entry_point)).get(page_address(entry_point, given_fields(entry_point, sample))).text
    main = page.partition('<main id="main"')[2]
    ids = re.findall(r'\bid="([^"]+)"', main)
    assert len(ids) == len(set(ids))
    labelled = set(re.findall(r'<label for="([^"]+)"', main))
    controls = set(re.findall(r'<(?:input|select|textarea) id="([^"]+)"', main))
    assert controls <= labelled
    for described in re.findall(r'aria-describedby="([^"]+)"', main):
        assert set(described.split()) <= set(ids)


EDITS: Final = [one for one in ENTRY_POINTS if one.api is not None and one.handler.edits and not one.api.has_version]


@pytest.mark.parametrize(
    "entry_point",
    EDITS,
    ids=[one.handler.name for one in EDITS],
)
def test_an_edit_of_what_changed_meanwhile_is_refused_and_one_of_what_was_read_is_not(
    entry_point: EntryPoint, sample: ConsoleSample, caller_as: Callable[[Role], Caller]
) -> None:
    assert entry_point.api is not None
    given = given_fields(entry_point, sample)
    if "onboarding_id" in given:
        start = StartOnboarding(tenant_id=sample.joining["432032"])
        started = start_onboarding(start, actor=sample.factory.actors.onboarding)
        given["onboarding_id"] = started.onboarding_id
    if "purpose" in given:
        contact = RecordContact(
            tenant_id=sample.tenant_id,
            purpose=ContactPurpose(given["purpose"]),
            section="総務課",
            name="山田",
            email="soumu@example.jp",
        )
        record_contact(contact, actor=sample.people[Role.TENANT_OWNER])
    texts = typed_texts(entry_point, given)
    body = read_command(entry_point.command_type, texts, typed=True, given=given).model_dump(mode="json")
    path, shown = entry_point.api.rule, edited_objects(api_routes())[entry_point.handler.name].rule
    for part, name in entry_point.api.path_params.items():
        value = str(body.pop(name))
        path, shown = path.replace(f"<{part}>", value), shown.replace(f"<{part}>", value)
    caller, method = caller_as(holder(entry_point)), entry_point.api.method
    before = caller_as(Role.OPERATOR_AUDITOR).get(shown)

    late = caller.send(path, body or None, method=method, If_Match='"AAAAAAAAAAAAAAAAAAAAAAAA"')
    # What a command creates has no ETag before.
    assert before.status_code == 200 or (method, path) == ("PUT", shown)
    assert (late.status_code, late.get_json()["code"]) == (412, "api.object_changed"), late.text
    assert caller_as(Role.OPERATOR_AUDITOR).get(shown).data == before.data or before.status_code == 404
    if before.status_code == 200:
        in_time = caller.send(path, body or None, method=method, If_Match=before.headers["ETag"])
        assert in_time.status_code != 412, in_time.text


@BY_NAME
def test_an_unknown_or_given_field_never_reaches_the_command(
    entry_point: EntryPoint, captured: list[Command], sample: ConsoleSample, caller_as: Callable[[Role], Caller]
) -> None:
    if entry_point.api is None:
        return
    given = given_fields(entry_point, sample)
    texts = typed_texts(entry_point, given)
    body = read_command(entry_point.command_type, texts, typed=True, given=given).model_dump(mode="json")
    path = entry_point.api.rule
    again: dict[str, Any] = {}
    for part, name in entry_point.api.path_params.items():
        again[name] = body.pop(name)
        path = path.replace(f"<{part}>", str(again[name]))
    headers = {"If_Match": f'"{body.pop("version")}"'} if entry_point.api.has_version else {}
    caller = caller_as(holder(entry_point))

    for more in [{"colour": "red"}, *({name: value} for name, value in again.items())]:
        answer = caller.send(path, {**body, **more}, method=entry_point.api.method, **headers)
        assert answer.status_code == 422, (more, answer.text)
    assert captured == []


def _is_flag(entry_point: EntryPoint, name: str) -> bool:
    return declared_field(entry_point.command_type, name).control is Control.YES_NO


def page_address(entry_point: EntryPoint, given: dict[str, Any]) -> str:
    assert entry_point.page is not None
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda part: str(given[part[1]]), entry_point.page.rule)


def hidden_texts(entry_point: EntryPoint, given: dict[str, Any]) -> dict[str, str]:
    """What the form sends of the given fields: those that stand in no part of its address."""
    assert entry_point.page is not None
    in_address = re.findall(r"<(?:\w+:)?(\w+)>", entry_point.page.rule)
    return {name: str(value) for name, value in given.items() if name not in in_address}


def cli_words(entry_point: EntryPoint, texts: dict[str, Any], given: dict[str, Any], folder: Path) -> Iterator[str]:
    """Positional arguments, then options, as a person types them; a text that comes from a file is put into one."""
    assert entry_point.cli is not None
    whole = {**{name: str(value) for name, value in given.items()}, **texts}
    for one in declared_fields(entry_point.command_type):
        if one.is_file and one.name in whole:
            file = folder / one.name
            file.write_text(whole[one.name], encoding="utf-8")
            whole[one.name] = str(file)
    yield from (whole[name] for name in entry_point.cli.arguments)
    for name, value in whole.items():
        if name in entry_point.cli.arguments or name in entry_point.hidden:
            continue
        option = declared_field(entry_point.command_type, name).option
        if _is_flag(entry_point, name):
            yield option
        elif isinstance(value, dict):
            for key, one in value.items():
                yield from (option, key, one)
        else:
            for one in value if isinstance(value, list) else [value]:
                yield f"{option}={one}"


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch) -> Callable[[EntryPoint], None]:
    """Make the function of an entry point's command one that leaves a row behind, whatever it is given."""

    def prepare(entry_point: EntryPoint) -> None:
        handler = entry_point.handler
        assert isinstance(handler, ApprovedCommandHandler)

        def mark(ctx: CommandContext, command: Command) -> Result:
            ctx.session.add(Cohort(id=new_id(), name="mark", label="mark", fiscal_year=2025, created_at=ctx.now))
            ctx.audit(subject="mark")
            return Result()

        monkeypatch.setattr(handler, "body", update_wrapper(mark, handler.body))

    return prepare


NEED_TWO: Final = [one for one in ENTRY_POINTS if one.deciders]


@pytest.mark.parametrize("entry_point", NEED_TWO, ids=[one.handler.name for one in NEED_TWO])
def test_no_entry_point_carries_out_what_needs_a_second_person(
    entry_point: EntryPoint,
    carried_out: Callable[[EntryPoint], None],
    sample: ConsoleSample,
    visit_as: Callable[[Role], Visit],
    caller_as: Callable[[Role], Caller],
    moyai: Moyai,
    tmp_path: Path,
) -> None:
    carried_out(entry_point)
    before = len(rows("approval_request"))
    given = given_fields(entry_point, sample)
    texts = typed_texts(entry_point, given)
    command = read_command(entry_point.command_type, texts, typed=True, given=given)
    asked = 0

    if entry_point.page is not None:
        data = texts | hidden_texts(entry_point, given) | {"comment": "画面から"}
        made = visit_as(holder(entry_point)).submit(page_address(entry_point, given), step="apply", key="k", **data)
        assert made.status_code == 303
        assert "/approvals/" in made.headers["Location"]
        asked += 1
        decide_last(sample, Decision.REJECTED)
    if entry_point.api is not None:
        body = command.model_dump(mode="json")
        path = entry_point.api.rule
        for part, name in entry_point.api.path_params.items():
            path = path.replace(f"<{part}>", str(body.pop(name)))
        sent = caller_as(holder(entry_point)).send(path, body, method=entry_point.api.method)
        assert sent.status_code == 202, sent.text
        asked += 1
        decide_last(sample, Decision.REJECTED)
    if entry_point.cli is not None:
        words = [*entry_point.cli.path.split(), *cli_words(entry_point, texts, given, tmp_path)]
        code, answer, stderr = moyai(*words)
        assert (code, set(answer)) == (0, set(ApprovalRequested.model_fields)), stderr
        asked += 1

    assert "mark" not in str(rows("cohort"))
    assert len(rows("approval_request")) == before + asked


def decide_last(sample: ConsoleSample, decision: Decision) -> None:
    """Decide the newest request as a person who may."""
    with tenant_scope(OPERATOR):
        newest = pending_requests(db.session())[-1]
    role = next(role for role, kinds in DECIDABLE_BY.items() if newest.second_person in kinds)
    decide_approval(
        DecideApproval(approval_id=newest.id, digest=newest.digest, decision=decision, reason="試験"),
        actor=Actor(str(new_id()), ActorKind.PERSON, newest.tenant_id, frozenset({role})),
    )
