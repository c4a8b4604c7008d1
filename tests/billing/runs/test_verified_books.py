"""`ledger verify` holds the books against the runs with their shares, and each entry against its audit event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from billing.ledger import commands
from billing.ledger.commands import EntryReversed, ReverseEntry
from billing.ledger.entry_hash import ENTRY_FORM
from billing.ledger.periods import EntryKind
from billing.ledger.posting import Posting, PostingLine, post
from billing.ledger.queries import entries, entry
from billing.ledger.verification import LedgerVerificationReport, verify
from billing.runs.states import RunKind
from governance.audit.queries import events
from governance.commands import CommandContext, handles
from governance.events import Event
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict
from governance.permissions import Permission
from tests import servers
from tests.billing.ledger.books import DAY, contribution, post_entry
from tests.factories import EIGHT, THIRTEEN, Factory

CITY = "431001"


def report(scope: UUID | str = OPERATOR) -> LedgerVerificationReport:
    with tenant_scope(scope):
        return verify(db.session())


def found(scope: UUID | str = OPERATOR) -> list[tuple[str, UUID]]:
    return [(imbalance.kind, imbalance.tenant_id) for imbalance in report(scope).imbalances]


@pytest.fixture
def posted(thirteen: Factory) -> Factory:
    """The year's estimate, posted: an entry in every book."""
    thirteen.approve(thirteen.prepare())
    assert report().balanced
    return thirteen


@pytest.fixture
def tamper(postgresql: servers.PostgreSQL, database_name: str) -> Any:
    """Statements as superuser, behind the triggers."""

    def execute(statement: str, **values: Any) -> None:
        with psycopg.connect(servers.libpq(postgresql.superuser_url), dbname=database_name) as superuser:
            superuser.execute("SET session_replication_role = replica")
            assert superuser.execute(statement, values).rowcount > 0

    return execute


def entry_of(book: UUID) -> UUID:
    with tenant_scope(OPERATOR):
        return entries(db.session(), book)[0].id


def test_every_posting_carries_the_hash_of_its_entry(posted: Factory) -> None:
    post_entry(contribution(posted.ids[CITY]), actor=posted.actors.finance)
    with tenant_scope(OPERATOR):
        said = [
            event.facts["entry_form"]
            for name in ("allocation.approved", "ledger.posted")
            for event in events(db.session(), event=name)
        ]

    assert said == [ENTRY_FORM] * (1 + len(THIRTEEN) + 1)
    assert report().entries == len(said)
    assert report().balanced


@pytest.mark.slow
def test_a_revision_is_held_against_the_run_it_revises(posted: Factory) -> None:
    posted.add_members(dict(list(EIGHT.items())[:2]))
    posted.record(1_000_000)
    posted.approve(posted.prepare(RunKind.REVISION))

    assert report().balanced
    assert report(posted.ids[CITY]).balanced


@handles(Permission.LEDGER_REVERSE, Event.LEDGER_REVERSED)
def reverse_anything(ctx: CommandContext, command: ReverseEntry) -> EntryReversed:
    """Post the opposite of an entry, also of a run's."""
    lines = entry(ctx.session, command.tenant_id, command.entry_id).lines
    [opposite] = post(
        ctx,
        [
            Posting(
                tenant_id=command.tenant_id,
                reference=f"_reversal:{command.entry_id}",
                happened_on=command.happened_on,
                lines=tuple(PostingLine(line.account, -line.yen) for line in lines),
                kind=EntryKind.REVERSAL,
                reverses_id=command.entry_id,
            )
        ],
    )
    ctx.audit(subject=opposite.entry_id, tenant_id=command.tenant_id, **opposite.audit_facts)
    return EntryReversed(entry_id=opposite.entry_id, reverses_id=command.entry_id)


def test_an_entry_of_a_run_is_undone_by_a_run_only(posted: Factory) -> None:
    book = posted.ids[CITY]
    command = ReverseEntry(tenant_id=book, entry_id=entry_of(book), happened_on=DAY + timedelta(days=1), reason="誤り")

    with pytest.raises(Conflict) as refusal:
        commands.reverse_entry(command, actor=posted.actors.finance)
    with pytest.raises(IntegrityError, match="not reversed by hand"):
        reverse_anything(command, actor=posted.actors.finance)

    assert refusal.value.code == "ledger.entry_of_run"
    assert report().balanced


def test_an_entry_of_a_run_that_was_reversed_all_the_same_is_found(
    posted: Factory, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    """The books balance, and say another sum than the share on the notice."""
    book = posted.ids[CITY]
    command = ReverseEntry(tenant_id=book, entry_id=entry_of(book), happened_on=DAY + timedelta(days=1), reason="誤り")
    url = servers.libpq(postgresql.superuser_url)
    with psycopg.connect(url, dbname=database_name, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE ledger_entry DISABLE TRIGGER not_of_run")
        try:
            reverse_anything(command, actor=posted.actors.finance)
        finally:
            superuser.execute("ALTER TABLE ledger_entry ENABLE TRIGGER not_of_run")

    for scope in (OPERATOR, book):
        assert found(scope) == [("run", book), ("run", book)]
    burden, receivable = report().imbalances
    assert receivable.expected == -burden.expected > 0
    assert receivable.found == burden.found == 0
    assert found(posted.ids["432024"]) == []


def test_a_share_that_was_changed_is_found(posted: Factory, tamper: Any) -> None:
    book = posted.ids[CITY]
    tamper("UPDATE allocation_share SET share_yen = share_yen + 1 WHERE tenant_id = %(book)s", book=book)

    assert ("run", book) in found()


def test_an_entry_changed_with_its_balances_is_found(posted: Factory, tamper: Any) -> None:
    book = posted.ids[CITY]
    post_entry(contribution(book, 500), actor=posted.actors.finance)
    tamper("UPDATE ledger_line SET yen = yen * 2 WHERE entry_id = %(entry)s", entry=entry_of(book))
    tamper(
        "UPDATE ledger_balance AS kept SET yen = (SELECT sum(yen) FROM ledger_line AS line"
        " WHERE line.tenant_id = kept.tenant_id AND line.account_id = kept.account_id)"
    )

    assert found() == [("entry_changed", book)]


@pytest.mark.parametrize("change", ["memo = memo || ' '", "recorded_at = recorded_at - interval '1 day'"])
@pytest.mark.slow
def test_what_an_entry_says_besides_yen_is_covered_too(posted: Factory, tamper: Any, change: str) -> None:
    book = posted.ids[CITY]
    tamper(f"UPDATE ledger_entry SET {change} WHERE tenant_id = %(book)s", book=book)

    assert found() == [("entry_changed", book)]


def test_an_entry_deleted_with_its_lines_and_balances_is_found(posted: Factory, tamper: Any) -> None:
    book = posted.ids[CITY]
    for table in ("ledger_line", "ledger_balance", "ledger_entry"):
        tamper(f"DELETE FROM {table} WHERE tenant_id = %(book)s", book=book)

    assert found() == [("run", book), ("run", book), ("entry_missing", book)]


def test_an_entry_added_without_a_command_is_found(posted: Factory, tamper: Any) -> None:
    book = posted.ids[CITY]
    post_entry(contribution(book, 500), actor=posted.actors.finance)
    tamper("UPDATE audit_event SET facts = facts - 'entry_hash' WHERE event = 'ledger.posted'")

    assert found() == [("entry_unrecorded", book)]


def test_entries_of_versions_without_a_hash_come_before_all_others(posted: Factory, tamper: Any) -> None:
    tamper("UPDATE audit_event SET facts = facts - 'entry_hash'")
    assert report().balanced

    post_entry(contribution(posted.ids[CITY], 500), actor=posted.actors.finance)
    assert report().balanced


def test_an_entry_of_a_run_that_is_not_there_is_found(posted: Factory, tamper: Any) -> None:
    book = posted.ids[CITY]
    tamper("UPDATE ledger_entry SET reference = 'allocation:2025:9' WHERE tenant_id = %(book)s", book=book)

    assert found() == [
        ("entry_without_run", book),
        ("entry_without_run", book),
        ("run", book),
        ("run", book),
        ("entry_changed", book),
    ]
