"""Leaving: the notice with its last day, what is still open, the archive of the records, and coming back."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError
from pypdf import PdfReader
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Uuid,
    create_engine,
    make_url,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from admin.workflows.departures import complete_departures
from admin.workflows.hand_back import LEFT_OUT, MANIFEST, hand_back_archive, make_hand_back, tables_of_records
from billing.notices.leaving_statement import leaving_statement
from governance.actors import Actor
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.clock import JST
from governance.kernel.database import OPERATOR, TableBase, db, tenant_scope
from governance.kernel.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from governance.kernel.ids import new_id
from governance.permissions import Role
from tenancy import directory
from tenancy.people.queries import former_holders, members_in_keycloak
from tenancy.people.sync import record_keycloak_id
from tenancy.tenants.departures import AnnounceDeparture, announce_departure, departure_under_way, departures
from tenancy.tenants.hand_backs import (
    RecordHandBack,
    RequestHandBack,
    hand_back_content,
    hand_backs,
    record_hand_back,
    request_hand_back,
)
from tenancy.tenants.mergers import MergeTenants, merge_tenants, mergers
from tenancy.tenants.states import TenantState
from tenancy.tenants.tables import Tenant
from tests.database_rows import recorded, rows
from tests.factories import TO_PROVISIONING, Factory
from tests.servers import PostgreSQL

NOTICE = date(2026, 1, 20)
LAST = date(2026, 3, 31)
IN_JANUARY = datetime(2026, 1, 20, 1, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 4, 1, tzinfo=JST)
CANARY = "CANARY-8f3a"


def _announce(
    factory: Factory, code: str, *, last: date = LAST, notice: date = NOTICE, actor: Actor | None = None
) -> None:
    announce_departure(
        AnnounceDeparture(tenant_id=factory.ids[code], notified_on=notice, last_day=last, reason="単独運用に移行"),
        actor=actor or factory.actors.onboarding,
    )


def _tenant(factory: Factory, code: str) -> Tenant:
    with tenant_scope(OPERATOR):
        return db.session.get_one(Tenant, factory.ids[code])


def test_a_tenant_leaves_at_the_midnight_after_its_last_day_once(thirteen: Factory) -> None:
    with clock.at(IN_JANUARY):
        _announce(thirteen, "431001")
    assert _tenant(thirteen, "431001").state == "leaving"

    for moment in (IN_JANUARY, MIDNIGHT - timedelta(microseconds=1)):
        with clock.at(moment):
            complete_departures(lambda: thirteen.actors.worker)
        assert _tenant(thirteen, "431001").state == "leaving"
    # The worker was down at midnight, and runs twice afterwards.
    for _ in range(2):
        with clock.at(MIDNIGHT + timedelta(minutes=30)):
            complete_departures(lambda: thirteen.actors.worker)

    left = _tenant(thirteen, "431001")
    assert (left.state, left.valid_until) == ("left", date(2026, 4, 1))
    assert _tenant(thirteen, "432024").state == "active"
    assert [one.facts["to_state"] for one in recorded("tenant.state_changed") if one.subject == str(left.id)][-2:] == [
        "leaving",
        "left",
    ]
    with tenant_scope(OPERATOR):
        assert departure_under_way(db.session(), left.id) is None
        (kept,) = departures(db.session(), left.id)
    assert (kept.notified_on, kept.last_day) == (NOTICE, LAST)


def test_a_tenant_that_stays_after_all_does_not_leave_on_the_former_day(thirteen: Factory) -> None:
    with clock.at(IN_JANUARY):
        _announce(thirteen, "431001")
        thirteen.change_state("431001", TenantState.ACTIVE)
        _announce(thirteen, "431001", last=date(2027, 3, 31))

    with clock.at(MIDNIGHT):
        complete_departures(lambda: thirteen.actors.worker)

    assert (_tenant(thirteen, "431001").state, _tenant(thirteen, "431001").valid_until) == ("leaving", None)


def test_what_cannot_be_is_refused_and_changes_nothing(thirteen: Factory) -> None:
    before = (rows("tenant"), rows("departure"), rows("tenant_state_change"))
    refused: list[DomainError] = []

    with clock.at(IN_JANUARY):
        with pytest.raises(Invalid) as over:
            _announce(thirteen, "431001", last=date(2026, 1, 19), notice=date(2026, 1, 5))
        refused.append(over.value)
        with pytest.raises(ValidationError) as too_early:
            _announce(thirteen, "431001", last=date(2026, 1, 21), notice=date(2026, 1, 22))
        assert "before the day of the notice" in str(too_early.value)
        owner = thirteen.actors.municipal(thirteen.ids["431001"], Role.TENANT_OWNER)
        with pytest.raises(NotAllowed):
            _announce(thirteen, "431001", actor=owner)
        assert (rows("tenant"), rows("departure"), rows("tenant_state_change")) == before
        _announce(thirteen, "431001")
        once = rows("departure")
        with pytest.raises(Conflict):
            _announce(thirteen, "431001")

    assert [one.code for one in refused] == ["departure.last_day_is_over"]
    assert rows("departure") == once


def test_a_tenant_that_left_comes_back_under_a_new_membership(thirteen: Factory) -> None:
    with clock.at(IN_JANUARY):
        _announce(thirteen, "431001")
    with clock.at(MIDNIGHT):
        complete_departures(lambda: thirteen.actors.worker)
    with clock.at(MIDNIGHT + timedelta(days=400)):
        thirteen.change_state("431001", TenantState.APPLIED, *TO_PROVISIONING, TenantState.ACTIVE)

    back = _tenant(thirteen, "431001")
    assert (back.state, back.valid_from, back.valid_until) == ("active", date(2027, 5, 6), None)
    with tenant_scope(OPERATOR):
        assert departure_under_way(db.session(), back.id) is None


def _merge(factory: Factory, code: str, into: str, on: date = date(2026, 4, 1)) -> None:
    merge_tenants(
        MergeTenants(
            tenant_id=factory.ids[code], successor_id=factory.ids[into], merged_on=on, reason="総務省告示による合併"
        ),
        actor=factory.actors.onboarding,
    )


def test_of_two_that_merge_one_has_left_at_that_days_midnight_and_the_other_goes_on(thirteen: Factory) -> None:
    with clock.at(IN_JANUARY):
        _merge(thirteen, "435317", "434434")
    with clock.at(MIDNIGHT - timedelta(microseconds=1)):
        complete_departures(lambda: thirteen.actors.worker)
    assert (_tenant(thirteen, "435317").state, _tenant(thirteen, "434434").state) == ("leaving", "active")

    with clock.at(MIDNIGHT):
        complete_departures(lambda: thirteen.actors.worker)

    ended, successor = _tenant(thirteen, "435317"), _tenant(thirteen, "434434")
    assert (ended.state, ended.valid_until) == ("left", date(2026, 4, 1))
    assert (successor.state, successor.valid_until) == ("active", None)
    with tenant_scope(OPERATOR):
        (of_ended,), (of_successor,) = mergers(db.session(), ended.id), mergers(db.session(), successor.id)
    assert of_ended == of_successor
    assert (of_ended.code, of_ended.successor_code, of_ended.merged_on) == ("435317", "434434", date(2026, 4, 1))
    assert [one.facts["merged_into"] for one in recorded("tenant.merged")] == ["益城町"]


def test_a_merger_that_cannot_be_is_refused_and_changes_nothing(thirteen: Factory) -> None:
    with clock.at(IN_JANUARY):
        thirteen.change_state("432024", TenantState.SUSPENDED)
        before = (rows("tenant"), rows("merger"), rows("departure"))
        with pytest.raises(Invalid) as too_early:
            _merge(thirteen, "435317", "434434", on=date(2026, 1, 20))
        with pytest.raises(Conflict) as not_active:
            _merge(thirteen, "435317", "432024")
        with pytest.raises(ValidationError):
            _merge(thirteen, "435317", "435317")

    assert (too_early.value.code, not_active.value.code) == ("merger.not_in_future", "merger.successor_not_active")
    assert (rows("tenant"), rows("merger"), rows("departure")) == before


def test_people_of_a_tenant_that_left_give_up_their_addresses_to_the_successor(thirteen: Factory) -> None:
    address = "hanako@reihoku.example"
    before = thirteen.add_person(thirteen.ids["435317"], address)
    with system_transaction(OPERATOR) as session:
        record_keycloak_id(session, thirteen.ids["435317"], before.person_id, str(new_id()))
    thirteen.add_person(thirteen.ids["434434"], address)

    def holders() -> list[list[UUID]]:
        with tenant_scope(OPERATOR):
            wanted = members_in_keycloak(db.session(), thirteen.ids["434434"])
            return [*former_holders(db.session(), wanted).values()]

    with clock.at(IN_JANUARY):
        _merge(thirteen, "435317", "434434")
    assert holders() == [[]]
    with clock.at(MIDNIGHT):
        complete_departures(lambda: thirteen.actors.worker)
    assert holders() == [[before.person_id]]


def test_every_table_of_tenants_is_handed_over_or_left_out_with_a_reason() -> None:
    of_tenants = {table.name for table in TableBase.metadata.sorted_tables if "tenant_id" in table.columns}

    handed_over = {table.name for table in tables_of_records()}

    assert handed_over | LEFT_OUT.keys() == of_tenants | {"tenant"}
    assert handed_over & LEFT_OUT.keys() == set()
    assert all(len(reason) > 10 for reason in LEFT_OUT.values())


@pytest.mark.slow
@pytest.mark.parametrize("role", ["moyai_tenant", "superuser"])
def test_the_archive_holds_its_records_and_nothing_of_anothers(
    thirteen: Factory, postgresql: PostgreSQL, database_name: str, tmp_path: Path, role: str
) -> None:
    """Canaries stand in every table of another tenant; whoever sees all rows does not hand them over either."""
    thirteen.set_issuer()
    run = thirteen.prepare()
    thirteen.approve(run)
    thirteen.issue_notices(run.run_id)
    tenant_id = thirteen.ids["431001"]
    person = thirteen.add_person(tenant_id, "takahashi@kumamoto.example", Role.TENANT_OWNER, family_name="髙橋")
    thirteen.add_person(thirteen.ids["432024"], "other@yatsushiro.example", family_name="八代の人")
    db.session.remove()
    made_at = clock.now()
    engine = create_engine(make_url(postgresql.superuser_url).set(database=database_name))

    with engine.connect() as connection, tenant_scope(tenant_id):
        planted = _plant_canaries(connection, points_at=tenant_id)
        if role != "superuser":
            connection.execute(text(f"SET LOCAL ROLE {role}"))
        connection.execute(text("SELECT set_config('moyai.scope', :scope, true)"), {"scope": str(tenant_id)})
        content = hand_back_archive(Session(bind=connection), tenant_id, made_at)
        again = hand_back_archive(Session(bind=connection), tenant_id, made_at)
        connection.rollback()
    engine.dispose()

    assert len(planted) > 40
    assert content == again
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(tmp_path)
        files = {name: archive.read(name) for name in archive.namelist()}
    assert [name for name, held in files.items() if CANARY.encode() in held] == []
    assert [name for name, held in files.items() if "八代".encode() in held and name.startswith("records/member")] == []
    checked = subprocess.run(
        ["sha256sum", "-c", MANIFEST],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert len(checked.stdout.splitlines()) == len(files) - 1
    people = json.loads(files["records/member.json"])
    assert [(one["person_id"], one["family_name"]) for one in people] == [(str(person.person_id), "髙橋")]
    assert "髙橋" in files["records/member.csv"].decode("utf-8-sig")
    # Which account of another tenant somebody has is no record of this one.
    assert people[0].keys() & {"account_id", "asked_account_id", "consent_code_hash", "is_shared"} == set()
    assert [name for name in files if name.startswith("notices/")] == ["notices/2025-01-431001.pdf"]
    assert any(name.startswith("agreements/") for name in files)
    events = [json.loads(line) for line in files["audit/events.jsonl"].splitlines()]
    assert events
    assert {one["tenant_id"] for one in events} == {str(tenant_id)}
    statement = json.loads(files["statement/statement.json"])
    assert statement["share_yen"] == statement["notified_yen"] > 0
    assert statement["unnotified_yen"] == 0
    paper = "".join(page.extract_text() for page in PdfReader(io.BytesIO(files["statement/statement.pdf"])).pages)
    assert "脱退に係る負担金計算書" in paper
    assert "2025-01-431001" in paper


def test_the_statement_says_what_is_not_notified_yet(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)

    with tenant_scope(OPERATOR):
        found = leaving_statement(db.session(), thirteen.ids["431001"], clock.today())

    (year,) = found.years
    assert (year.fiscal_year, year.notified_yen, year.notices) == (2025, 0, ())
    assert found.unnotified_yen == found.share_yen == year.share_yen > 0


def test_an_archive_is_made_once_and_only_its_tenant_and_the_operator_have_it(thirteen: Factory) -> None:
    tenant_id, other = thirteen.ids["431001"], thirteen.ids["432024"]
    owner = thirteen.actors.municipal(tenant_id, Role.TENANT_OWNER)
    requested = request_hand_back(RequestHandBack(tenant_id=tenant_id), actor=owner)
    with pytest.raises((NotFound, NotAllowed)):
        request_hand_back(RequestHandBack(tenant_id=other), actor=owner)
    with pytest.raises(NotAllowed):
        request_hand_back(
            RequestHandBack(tenant_id=tenant_id), actor=thirteen.actors.municipal(tenant_id, Role.TENANT_AUDITOR)
        )
    with tenant_scope(tenant_id), pytest.raises(NotFound) as early:
        hand_back_content(db.session(), tenant_id, requested.hand_back_id)
    assert early.value.code == "hand_back.not_made_yet"

    make_hand_back(tenant_id, requested.hand_back_id, actor=thirteen.actors.worker)
    made = rows("hand_back")
    make_hand_back(tenant_id, requested.hand_back_id, actor=thirteen.actors.worker)

    assert rows("hand_back") == made
    with tenant_scope(tenant_id):
        (facts,) = hand_backs(db.session(), tenant_id)
        content = hand_back_content(db.session(), tenant_id, requested.hand_back_id)
    assert facts.size == len(content)
    assert zipfile.is_zipfile(io.BytesIO(content))
    with tenant_scope(other):
        assert hand_backs(db.session(), tenant_id) == []
        with pytest.raises(NotFound):
            hand_back_content(db.session(), tenant_id, requested.hand_back_id)
    assert [one.facts["file_sha256"] for one in recorded("hand_back.made")] == [facts.sha256]
    with tenant_scope(OPERATOR):
        assert directory.tenant_by_id(db.session(), tenant_id).state is TenantState.ACTIVE


def test_an_archive_that_is_recorded_twice_keeps_its_first_content_and_one_event(thirteen: Factory) -> None:
    """Two workers may make the same archive at a time; the later one must not exchange what may be handed over."""
    tenant_id = thirteen.ids["431001"]
    asked = request_hand_back(RequestHandBack(tenant_id=tenant_id), actor=thirteen.actors.onboarding)
    make_hand_back(tenant_id, asked.hand_back_id, actor=thirteen.actors.worker)
    with tenant_scope(tenant_id):
        first = hand_back_content(db.session(), tenant_id, asked.hand_back_id)
    made = rows("hand_back")

    again = record_hand_back(
        RecordHandBack(tenant_id=tenant_id, hand_back_id=asked.hand_back_id, content=b"another"),
        actor=thirteen.actors.worker,
    )

    assert again.sha256 == sha256(first).hexdigest()
    assert rows("hand_back") == made
    with tenant_scope(tenant_id):
        assert hand_back_content(db.session(), tenant_id, asked.hand_back_id) == first
    assert [one.facts["file_sha256"] for one in recorded("hand_back.made")] == [again.sha256]


def _plant_canaries(connection: Connection, *, points_at: UUID) -> list[str]:
    """A row of another tenant in every table with a tenant, whose texts are canaries and whose references name us.

    Neither foreign keys nor checks nor triggers hold in this transaction, which is rolled back.
    """
    other = new_id()
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    planted = []
    for table in TableBase.metadata.sorted_tables:
        if "tenant_id" not in table.columns and table.name != "tenant":
            continue
        checks = connection.execute(
            text("SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = CAST(:name AS regclass)"),
            {"name": table.name},
        ).scalars()
        for check in checks.all():
            connection.execute(text(f'ALTER TABLE "{table.name}" DROP CONSTRAINT "{check}"'))
        key = "id" if table.name == "tenant" else "tenant_id"
        connection.execute(table.insert().values(**_values(table, points_at) | {key: other}))
        planted.append(table.name)
    return planted


def _values(table: Table, points_at: UUID) -> dict[str, Any]:
    return {
        column.name: new_id() if column.name == "id" else _value(column.type, f"{CANARY}-{table.name}", points_at)
        for column in table.columns
        if column.identity is None and column.computed is None
    }


def _value(kind: Any, canary: str, points_at: UUID) -> Any:
    if isinstance(kind, ARRAY):
        return [_value(kind.item_type, canary, points_at)]
    if isinstance(kind, Uuid):
        return points_at
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, DateTime):
        return IN_JANUARY
    if isinstance(kind, Date):
        return NOTICE
    if isinstance(kind, Integer | BigInteger | SmallInteger):
        return 7
    if isinstance(kind, LargeBinary):
        return canary.encode()
    if isinstance(kind, JSONB):
        return {"canary": canary}
    return canary
