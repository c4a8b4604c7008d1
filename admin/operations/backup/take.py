"""Taking a backup of a running installation: one snapshot a database, and the files that belong to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg

from admin.operations.backup import contents, manifest, programs
from admin.operations.backup.manifest import Manifest, SavedDatabase, SavedMoyai
from admin.operations.keys import backend_keys, key_files
from admin.operations.settings import SESSION_SECRET_NAME, WEB_SECRETS, Settings, variable_of
from admin.operations.supervisor import Progress
from governance.audit.files import key_id
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.private_files import sync_folder, write_private

_WAIT_FOR_LOCKS: Final = "60s"

FOLDER_NOT_EMPTY = message(
    "backup.folder_not_empty",
    ja="{folder} はすでにあり、空ではありません。",
    en="{folder} is there already and is not empty.",
    hint_ja="まだないフォルダーの名前を指定してください。",
    hint_en="Name a folder that is not there yet.",
)
NOT_WRITTEN = message(
    "backup.not_written",
    ja="バックアップを {folder} に書き込めません。理由: {answer}",
    en="The backup cannot be written to {folder}: {answer}",
    hint_ja="空き容量と書き込み権限を確かめてください。",
    hint_en="Check the free space and that the folder is writable.",
)
BACKUP_ROLE_MISSING = message(
    "backup.role_missing",
    ja="DATABASE_URL を使うときは、{name} に、すべての行を読める役割（moyai_backup）の接続先を設定してください。",
    en="With DATABASE_URL, {name} must name the same database as the role that reads every row (moyai_backup).",
    hint_ja="役割の作り方は docs/OPERATING.md にあります。",
    hint_en="docs/OPERATING.md says how to create the role.",
)
AUDIT_KEY_MISSING = message(
    "backup.audit_key_missing",
    ja="監査記録の鍵 {file} がないか、読めません。鍵のないバックアップは復元しても検証できません。",
    en="The audit log's key {file} is missing or holds no key. A backup without it could not be verified.",
    hint_ja="はじめてのときは moyai up のあと数秒待ち、そうでなければ鍵をバックアップから戻してください。",
    hint_en="The first time, wait some seconds after `moyai up`; otherwise restore the key from a backup.",
)
NO_OPERATOR = message(
    "backup.no_operator",
    ja="運営者がまだ登録されていないので、バックアップするものがありません。",
    en="No operator is registered yet, so there is nothing to back up.",
    hint_ja="moyai operator register で登録してください。",
    hint_en="Register one with `moyai operator register`.",
)


@dataclass(frozen=True)
class _Saved:
    """A database with its snapshot held open, and the archive it goes to."""

    url: str
    connection: psycopg.Connection[Any]
    archive: str
    without: frozenset[str]
    program: programs.Program
    snapshot: str


def take(settings: Settings, folder: Path, progress: Progress) -> Manifest:
    """Save the running installation into `folder`, which must not be there yet or be empty. Returns the manifest.

    It is made beside its place and renamed at the end: what was cut off has another name and no manifest. Raises
    Conflict, Invalid or DependencyUnavailable, also where keys or session secret that hosts share are missing; nothing
    is left then.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(FOLDER_NOT_EMPTY, field="DIR", folder=folder)
    key = _audit_key(settings)
    with ExitStack() as stack:
        # Read before the database: what is sealed meanwhile only makes the streams longer than their tips.
        tips_file = settings.audit_files.tips_file
        tips = manifest.read(tips_file) if tips_file.exists() else None
        snapshots = _snapshots(settings, stack)
        unfinished = stack.enter_context(_unfinished(folder))
        _copy_private(settings, unfinished, key, tips)
        (unfinished / "databases").mkdir(mode=0o700)
        described = [_save(one, unfinished, progress) for one in snapshots]
        made = _manifest(snapshots, described, unfinished, key)
        manifest.write_manifest(unfinished, made, key)
        for place in (unfinished, *(path for path in unfinished.rglob("*") if path.is_dir())):
            sync_folder(place)
        unfinished.rename(folder)
        sync_folder(folder.parent)
    return made


def _audit_key(settings: Settings) -> bytes:
    try:
        key = settings.audit_files.read_key()
    except ValueError:
        key = None
    if key is None:
        raise Conflict(AUDIT_KEY_MISSING, file=settings.audit_files.key_file)
    return key


def _snapshots(settings: Settings, stack: ExitStack) -> list[_Saved]:
    """The snapshots of both databases, held open, Moyai's first in the list.

    Keycloak's is taken first: what Moyai wanted meanwhile is then missing in Keycloak, where `moyai drift` names it
    and is not a stranger there that nobody knows.
    """
    if settings.backup_url is None:
        raise Invalid(BACKUP_ROLE_MISSING, field=variable_of("backup_url_given"), name=variable_of("backup_url_given"))
    held = []
    for url, archive, without in (
        (settings.keycloak_backup_url, manifest.KEYCLOAK_ARCHIVE, contents.KEYCLOAK_SESSIONS),
        (settings.backup_url, manifest.MOYAI_ARCHIVE, contents.SESSIONS),
    ):
        if url is not None:
            connection = stack.enter_context(programs.connect(url))
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            contents.require_all_rows(connection)
            program = programs.find_program("pg_dump", programs.server_major(connection))
            held.append((url, connection, archive, without, program))
    return [_Saved(*parts, snapshot=_export(parts[1])) for parts in held][::-1]


def _export(connection: psycopg.Connection[Any]) -> str:
    # The transaction before looked at rights only; rows are read from here on.
    connection.rollback()
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    if row is None:
        raise AssertionError("a function without rows")
    return str(row[0])


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A new folder beside the final one, removed when the block is left with it still there."""
    unfinished = folder.with_name(f".{folder.name}.{uuid4().hex}.unfinished")
    try:
        unfinished.mkdir(mode=0o700)
        yield unfinished
    except OSError as trouble:
        raise Conflict(NOT_WRITTEN, field="DIR", folder=folder, answer=trouble.strerror) from trouble
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy_private(settings: Settings, to: Path, key: bytes, tips: bytes | None) -> None:
    write_private(to / manifest.AUDIT_KEY, key.hex() + "\n")
    if tips is not None:
        write_private(to / manifest.AUDIT_TIPS, tips)
    if settings.keys_dir is not None:
        backend_keys(settings)
    for file in key_files(settings):
        if file.exists():
            write_private(to / manifest.KEYS / file.name, manifest.read(file))
    for file in sorted(settings.secrets.glob("[!.]*")):
        write_private(to / manifest.SECRETS / file.name, manifest.read(file))
    if settings.session_secret_path is not None:
        # In the form of a home that keeps its own: where a backup is restored, the files may be elsewhere.
        secret = {SESSION_SECRET_NAME: settings.session_secret}
        write_private(to / manifest.SECRETS / f"{WEB_SECRETS}.json", json.dumps(secret))


def _save(one: _Saved, to: Path, progress: Progress) -> SavedDatabase:
    """Count what the snapshot holds, and have pg_dump write the same snapshot."""
    rows = contents.count_rows(one.connection, one.without)
    arguments = ["--format=custom", f"--snapshot={one.snapshot}", f"--lock-wait-timeout={_WAIT_FOR_LOCKS}"]
    arguments += [f"--exclude-table-data=public.{table}" for table in sorted(one.without)]
    archive = to / one.archive
    one.program.run(one.url, [*arguments, f"--file={archive}"])
    progress(f"{one.archive} … {archive.stat().st_size / 2**20:.1f} MiB、{sum(rows.values())} 行 / rows")
    return SavedDatabase(
        server_version=programs.server_version(one.connection), program_version=one.program.version, rows=rows
    )


def _manifest(snapshots: list[_Saved], described: list[SavedDatabase], folder: Path, key: bytes) -> Manifest:
    connection = snapshots[0].connection
    installation, revision = contents.installation(connection), contents.schema_revision(connection)
    row = connection.execute("SELECT now()").fetchone()
    if installation is None or revision is None or row is None:
        raise Conflict(NO_OPERATOR)
    return Manifest(
        moyai_version=manifest.own_version(),
        taken_at=row[0].astimezone(UTC),
        installation=installation,
        audit_key=key_id(key),
        moyai=SavedMoyai(
            **described[0].model_dump(),
            schema_revision=revision,
            entries=contents.count_entries(connection),
            heads=contents.stream_ends(connection),
        ),
        keycloak=described[1] if len(described) > 1 else None,
        files=manifest.describe(folder),
    )
