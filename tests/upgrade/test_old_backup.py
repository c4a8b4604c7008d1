"""A backup that an earlier release's schema is in: it is migrated when it is restored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from admin.migrations.apply import known_revisions
from admin.operations.backup import contents
from admin.operations.backup.take import take
from admin.operations.postgresql import APP, OWNER, TENANT
from admin.operations.settings import Settings
from governance.kernel.private_files import write_private
from tests.admin.cli.command_line import Moyai
from tests.servers import PostgreSQL, libpq
from tests.upgrade.test_upgrade import AUDIT_KEY, AUDIT_TIPS, HERE, drop, restore

pytestmark = pytest.mark.slow

RELEASE: Final = "0.2.0"
OLD: Final = "moyai_old"
NEW: Final = "moyai_old_restored"


@pytest.fixture
def old(postgresql: PostgreSQL) -> Iterator[None]:
    restore(postgresql, HERE / RELEASE / "moyai.sql.gz", OLD, OWNER)
    with postgresql.server.connect("postgres") as connection:
        connection.execute(f"CREATE DATABASE {NEW} OWNER {OWNER} TEMPLATE template0")
    try:
        for name in (OLD, NEW):
            postgresql.server.prepare_database(name, owner=OWNER, guests=(APP, TENANT))
        yield
    finally:
        for name in (OLD, NEW):
            drop(postgresql, name)


def test_a_backup_of_an_older_schema_is_migrated_and_verifies(
    old: None, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    old_settings, new_settings = (
        {
            "MOYAI_HOME": str(tmp_path / name),
            "MOYAI_MIGRATION_URL": postgresql.owner_url(name),
            "MOYAI_BACKUP_URL": postgresql.backup_url(name),
            "KEYCLOAK_URL": "http://localhost:1",
            **postgresql.urls(name),
        }
        for name in (OLD, NEW)
    )
    files = Settings.from_environment(old_settings).audit_files
    write_private(files.key_file, (HERE / RELEASE / AUDIT_KEY).read_text(encoding="ascii"))
    write_private(files.tips_file, (HERE / RELEASE / AUDIT_TIPS).read_text(encoding="utf-8"))
    saved = take(Settings.from_environment(old_settings), tmp_path / "b", print)

    code, report, stderr = Moyai(new_settings)("restore", str(tmp_path / "b"))

    assert code == 0, (report, stderr)
    assert (report["audit_intact"], report["ledger_balanced"]) == (True, True)
    with psycopg.connect(libpq(postgresql.backup_url(NEW))) as connection:
        now = contents.schema_revision(connection)
        assert contents.count_entries(connection) == saved.moyai.entries
    assert now == max(known_revisions())
    assert now != saved.moyai.schema_revision
