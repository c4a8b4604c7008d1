"""Restoring a backup into an empty home: everything is checked before anything is written."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from admin.operations import services
from admin.operations.backup import contents, manifest, programs
from admin.operations.backup.manifest import Manifest
from admin.operations.backup.take import BACKUP_ROLE_MISSING
from admin.operations.keys import key_files
from admin.operations.postgresql import APP, BACKUP, KEYCLOAK, OWNER, TENANT
from admin.operations.settings import DATABASE, SESSION_SECRET_NAME, WEB_SECRETS, Settings, variable_of
from admin.operations.supervisor import Progress, Supervisor
from governance.audit.files import AuditFiles, key_id
from governance.kernel.errors import Conflict, Invalid, message
from governance.kernel.private_files import write_private

_DEFAULT_ACL: Final = " DEFAULT ACL "

HOME_NOT_EMPTY = message(
    "restore.home_not_empty",
    ja="MOYAI_HOME（{home}）が空ではありません。復元は空のフォルダーにだけ行います。",
    en="MOYAI_HOME ({home}) is not empty; a backup is restored into an empty one only.",
    hint_ja="MOYAI_HOME に、まだないフォルダーを指定してください。",
    hint_en="Point MOYAI_HOME at a folder that is not there yet.",
)
DATABASE_NOT_EMPTY = message(
    "restore.database_not_empty",
    ja="データベース {database} には、すでに表（{table} など）があります。復元は空のデータベースにだけ行います。",
    en="The database {database} has tables already ({table} and others); a backup is restored into an empty one only.",
    hint_ja="docs/OPERATING.md にあるとおり、空のデータベースを作ってください。",
    hint_en="Create an empty database as docs/OPERATING.md says.",
)
OWNER_MISSING = message(
    "restore.owner_missing",
    ja="DATABASE_URL のデータベースに復元するには、{name} に所有者の接続先を設定してください。",
    en="To restore into the database at DATABASE_URL, {name} must name its owner.",
)
ROLE_MISSING = message(
    "restore.role_missing",
    ja="復元先の PostgreSQL に、役割 {role} がありません。",
    en="The PostgreSQL to restore into has no role {role}.",
    hint_ja="docs/OPERATING.md にあるとおり、先に役割を作ってください。",
    hint_en="Create the roles first, as docs/OPERATING.md says.",
)
SERVER_OLDER = message(
    "restore.server_older",
    ja="バックアップは PostgreSQL {given} のもので、復元先の PostgreSQL {found} より新しい版です。",
    en="The backup is of PostgreSQL {given}; the one to restore into is {found}, which is older.",
    hint_ja="PostgreSQL {given} 以上に復元してください。",
    hint_en="Restore into PostgreSQL {given} or later.",
)
OTHER_KEY = message(
    "restore.other_key",
    ja="{file} には、別の設置の監査記録の鍵があります。",
    en="{file} holds the audit log's key of another installation.",
    hint_ja="MOYAI_AUDIT_KEY_FILE を確かめてください。このファイルは変更していません。",
    hint_en="Check MOYAI_AUDIT_KEY_FILE. The file was left as it is.",
)
OTHER_FILE = message(
    "restore.other_file",
    ja="{file} には、バックアップと異なる鍵または秘密があります。",
    en="{file} holds another key or secret than the backup does.",
    hint_ja="{name} にまだない場所を指定するか、そのファイルを移してください。このファイルは変更していません。",
    hint_en="Point {name} at what is not there yet, or move that file away. It was left as it is.",
)
KEYCLOAK_NOT_SAVED = message(
    "restore.keycloak_not_saved",
    ja="このバックアップには Keycloak がありません。別に運用している Keycloak のバックアップでした。",
    en="This backup holds no Keycloak: it was taken where Keycloak is run by somebody else.",
    hint_ja="その Keycloak を復元し、KEYCLOAK_URL に指定してください。",
    hint_en="Have that Keycloak restored, and name it in KEYCLOAK_URL.",
)
CONTENT_DIFFERS = message(
    "restore.content_differs",
    ja="復元した {what} が、バックアップの目録と異なります（目録 {saved}、復元後 {found}）。",
    en="{what} after the restore is not what the manifest says ({saved} saved, {found} found).",
    hint_ja="別のバックアップを使ってください。",
    hint_en="Use another backup.",
)
LEFT_IN_DATABASE = (
    "データベース {database} に復元の途中の行が残っていることがあります。次に試す前に作り直してください"
    " / The database {database} may hold rows of this attempt; create it anew before the next one"
)
KEYCLOAK_LEFT_OUT = (
    "KEYCLOAK_URL があるため、バックアップの Keycloak は復元しません"
    " / The Keycloak of the backup is not restored, because KEYCLOAK_URL names another"
)


@dataclass(frozen=True)
class Restored:
    """An installation after its rows came back, while its servers run.

    `audit_files` are the audit log's key and a copy of the tips as they were saved: what the rows are verified against.
    `start_keycloak` starts the embedded Keycloak and returns when it is ready; None where Keycloak is somebody else's.
    """

    manifest: Manifest
    manifest_digest: str
    audit_files: AuditFiles
    start_keycloak: Callable[[], None] | None


@contextmanager
def restored(
    settings: Settings,
    folder: Path,
    progress: Progress,
    *,
    known_revisions: frozenset[str],
    migrate: Callable[[str], object],
    prepare_keycloak: Callable[[Settings, Progress], services.ServiceSpec],
    installation: UUID | None = None,
) -> Iterator[Restored]:
    """Restore a backup, and run the servers of the new home while the block lasts; leaving it stops them.

    `migrate` brings the database at a URL of its owner to the newest schema; `prepare_keycloak` makes the embedded
    Keycloak's process from the settings. Raises Conflict, Invalid or DependencyUnavailable; what was put into the home
    is removed then, also when the block raises. Of a process that was killed a marker is left, with which no server
    starts.
    """
    folder = folder.absolute()
    found = manifest.check(folder, known_revisions=known_revisions, installation=installation)
    _check_target(settings, folder, found)
    existed = settings.home.exists()
    audit = settings.audit_files
    outside = (audit.key_file, audit.tips_file, *_private_files(settings, folder))
    new_files = [file for file in outside if not file.exists()]
    try:
        with ExitStack() as stack:
            _write_private(settings, folder)
            start_keycloak = _start_servers(settings, found, stack, progress, prepare_keycloak)
            _restore_databases(settings, folder, found, progress)
            _compare(settings, found)
            migrate(_owner_url(settings))
            progress("スキーマ … 最新です / schema is up to date")
            tips = stack.enter_context(_saved_tips(folder))
            saved = AuditFiles(settings.audit_files.key_file, tips)
            yield Restored(found, manifest.digest(folder), saved, start_keycloak)
        settings.restore_marker.unlink()
    except BaseException:
        for file in new_files:
            file.unlink(missing_ok=True)
        _empty(settings.home, existed)
        if settings.database_url_given is not None:
            progress(LEFT_IN_DATABASE.format(database=_database_name(settings)))
        raise


@contextmanager
def _saved_tips(folder: Path) -> Iterator[Path]:
    """A copy of the tips that sealing may go on from; the backup stays as it is."""
    with tempfile.TemporaryDirectory(prefix="moyai-restore-") as place:
        copy = Path(place) / "tips.json"
        if (folder / manifest.AUDIT_TIPS).exists():
            write_private(copy, manifest.read(folder / manifest.AUDIT_TIPS))
        yield copy


def _check_target(settings: Settings, folder: Path, found: Manifest) -> None:
    """Refuse a target that is in use, before anything of it is touched."""
    if settings.home.exists() and any(settings.home.iterdir()):
        raise Conflict(HOME_NOT_EMPTY, field=variable_of("home"), home=settings.home)
    if settings.needs_keycloak and found.keycloak is None:
        raise Conflict(KEYCLOAK_NOT_SAVED, field=variable_of("keycloak_url_given"))
    _check_audit_key(settings, found)
    _check_private_files(settings, folder)
    if settings.database_url_given is None:
        return
    for field, missing in (("backup_url_given", BACKUP_ROLE_MISSING), ("migration_url_given", OWNER_MISSING)):
        if getattr(settings, field) is None:
            raise Invalid(missing, field=variable_of(field), name=variable_of(field))
    with programs.connect(_owner_url(settings)) as connection:
        _check_server(connection, found.moyai.server_version)
        there = contents.tables(connection)
        if there:
            raise Conflict(DATABASE_NOT_EMPTY, database=connection.info.dbname, table=there[0])
        roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
    for role in (APP, TENANT, BACKUP):
        if role not in roles:
            raise Conflict(ROLE_MISSING, role=role)


def _check_audit_key(settings: Settings, found: Manifest) -> None:
    """A key that is there already, outside the home, is the backup's own."""
    try:
        key = settings.audit_files.read_key()
    except ValueError:
        key = b""
    if key is not None and key_id(key) != found.audit_key:
        raise Conflict(OTHER_KEY, field=variable_of("audit_key_file"), file=settings.audit_files.key_file)


def _check_private_files(settings: Settings, folder: Path) -> None:
    """Keys and a session secret that are there already, outside the home, are the backup's own."""
    saved = _private_files(settings, folder)
    for file in {*saved, *key_files(settings)}:
        if file.exists() and manifest.read(file).strip() != saved.get(file, b"").strip():
            field = "session_secret_file" if file == settings.session_secret_file else "keys_dir"
            raise Conflict(OTHER_FILE, field=variable_of(field), name=variable_of(field), file=file)


def _private_files(settings: Settings, folder: Path) -> dict[Path, bytes]:
    """Where the backup's keys and secrets go, each with its content; the audit log's key is not among them."""
    files = {settings.keys / file.name: manifest.read(file) for file in sorted((folder / manifest.KEYS).glob("*"))}
    for file in sorted((folder / manifest.SECRETS).glob("*")):
        content, shared = manifest.read(file), settings.session_secret_path
        if shared is not None and file.stem == WEB_SECRETS:
            files[shared] = f"{json.loads(content)[SESSION_SECRET_NAME]}\n".encode()
        else:
            files[settings.secrets / file.name] = content
    return files


def _check_server(connection: psycopg.Connection, saved: str) -> None:
    if programs.server_major(connection) < _major(saved):
        raise Conflict(SERVER_OLDER, given=saved, found=programs.server_version(connection))


def _major(version: str) -> int:
    return int(version.split(".")[0])


def _write_private(settings: Settings, folder: Path) -> None:
    # As the supervisor makes it: PostgreSQL, which runs as another user when we are root, passes through.
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    write_private(settings.restore_marker, "")
    write_private(settings.audit_files.key_file, (folder / manifest.AUDIT_KEY).read_bytes(), replace=False)
    for file, content in _private_files(settings, folder).items():
        write_private(file, content, replace=False)


def _start_servers(
    settings: Settings,
    found: Manifest,
    stack: ExitStack,
    progress: Progress,
    prepare_keycloak: Callable[[Settings, Progress], services.ServiceSpec],
) -> Callable[[], None] | None:
    """Start the embedded PostgreSQL, if any, with empty databases. Returns what starts Keycloak later."""
    if not settings.needs_postgresql:
        return None
    database = settings.embedded_postgresql()
    planned = [services.postgresql(database)]
    if settings.needs_keycloak:
        planned.append(prepare_keycloak(settings, progress))
    supervisor = stack.enter_context(Supervisor(settings.home, progress))
    supervisor.check_ports(planned, base=settings.port)
    database.initialise()
    supervisor.start(planned[0])
    supervisor.await_ready(services.POSTGRESQL)
    database.prepare_roles()
    if settings.database_url_given is None:
        database.prepare_database(DATABASE, owner=OWNER, guests=(APP, TENANT))
    if not settings.needs_keycloak:
        return None
    database.prepare_database(KEYCLOAK, owner=KEYCLOAK)

    def start_keycloak() -> None:
        supervisor.start(planned[1])
        supervisor.await_ready(services.KEYCLOAK)

    return start_keycloak


def _owner_url(settings: Settings) -> str:
    if settings.owner_url is None:
        raise AssertionError("asked for before anything was written")
    return settings.owner_url


def _database_name(settings: Settings) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(programs.libpq(settings.app_url)).get("dbname", ""))


def _restore_databases(settings: Settings, folder: Path, found: Manifest, progress: Progress) -> None:
    _restore(_owner_url(settings), folder / manifest.MOYAI_ARCHIVE, found.moyai.program_version)
    progress("Moyai のデータベース … 復元しました / Moyai's database restored")
    if found.keycloak is None:
        return
    if not settings.needs_keycloak:
        progress(KEYCLOAK_LEFT_OUT)
    else:
        url = settings.embedded_postgresql().url(KEYCLOAK, KEYCLOAK)
        _restore(url, folder / manifest.KEYCLOAK_ARCHIVE, found.keycloak.program_version)
        progress("Keycloak のデータベース … 復元しました / Keycloak's database restored")


def _restore(url: str, archive: Path, archived_by: str) -> None:
    """Restore an archive as the owner of everything in it, all or nothing.

    As the owner, because row-level security is forced before the rows of an archive go in, but enabled only after them.
    """
    with programs.connect(url) as connection:
        program = programs.find_program("pg_restore", programs.server_major(connection), at_least=_major(archived_by))
    # What the owner's later tables allow is set where the roles are made, under this server's names.
    listed = [line for line in program.list_archive(archive).splitlines() if _DEFAULT_ACL not in line]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".list") as chosen:
        chosen.write("\n".join(listed) + "\n")
        chosen.flush()
        options = ["--no-owner", "--single-transaction", "--exit-on-error", f"--use-list={chosen.name}"]
        program.run(url, [*options, str(archive)])


def _compare(settings: Settings, found: Manifest) -> None:
    """Raise Conflict where a database does not hold what its snapshot held."""
    if settings.backup_url is None:
        raise AssertionError("asked for before anything was written")
    with programs.connect(settings.backup_url) as connection:
        contents.require_all_rows(connection)
        _same_rows("moyai", found.moyai.rows, contents.count_rows(connection, contents.SESSIONS))
        _same("ledger_entry", found.moyai.entries, contents.count_entries(connection))
        saved = {end.stream: end for end in found.moyai.heads}
        ends = {end.stream: end for end in contents.stream_ends(connection)}
        for stream in sorted(saved.keys() | ends.keys()):
            _same(f"audit_seal {stream}", _head(saved.get(stream)), _head(ends.get(stream)))
    if settings.keycloak_backup_url is not None and found.keycloak is not None:
        with programs.connect(settings.keycloak_backup_url) as connection:
            rows = contents.count_rows(connection, contents.KEYCLOAK_SESSIONS)
            _same_rows("keycloak", found.keycloak.rows, rows)


def _head(end: manifest.StreamEnd | None) -> str:
    return "―" if end is None else f"{end.sequence}:{end.chain_hash}"


def _same_rows(database: str, saved: Mapping[str, int], found: Mapping[str, int]) -> None:
    for table in sorted(saved.keys() | found.keys()):
        _same(f"{database}.{table}", saved.get(table), found.get(table))


def _same(what: str, saved: object, found: object) -> None:
    if saved != found:
        raise Conflict(CONTENT_DIFFERS, what=what, saved=saved, found=found)


def _empty(home: Path, existed: bool) -> None:
    for path in home.iterdir() if home.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if not existed:
        shutil.rmtree(home, ignore_errors=True)
