"""Throw-away servers for the tests: real ones, on ports of their own, in folders that vanish."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil

from admin.operations import keycloak_distribution
from admin.operations.keycloak import EmbeddedKeycloak
from admin.operations.postgresql import (
    APP,
    BACKUP,
    KEYCLOAK,
    OWNER,
    ROLES,
    SUPERUSER,
    TENANT,
    EmbeddedPostgreSQL,
    client_program,
)
from admin.operations.readiness import wait_until
from admin.operations.unprivileged import NO_CAPABILITY, command_as, searching_capability, server_user
from tests.ports import find_free_port

KEPT = Path(__file__).parents[1] / ".moyai-test"


def libpq(url: str) -> str:
    """The address as psycopg itself reads it, made from SQLAlchemy's."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def own_unprivileged(*folders: Path) -> None:
    """Make these folders those of the user as whom `unprivileged` runs a command."""
    user = server_user()
    if user is not None:
        for folder in folders:
            os.chown(folder, user.uid, user.gid)


def unprivileged(command: list[str], *owned: Path) -> list[str]:
    """The command for a user who is not root, as a real installation needs it; the folders `owned` become that user's.

    As root it runs as `nobody`, who may read what stands in closed folders; otherwise as whoever runs the tests.
    """
    own_unprivileged(*owned)
    user = server_user()
    if user is None:
        return command
    return command_as(user, searching_capability() or NO_CAPABILITY, command)


class PostgreSQL:
    """A running throw-away PostgreSQL with the roles of Moyai and an empty database `keycloak`.

    Addresses are SQLAlchemy's (`postgresql+psycopg://`); `libpq` turns them into psycopg's. Its data survives `kill`,
    and a power cut only where it was started as durable.
    """

    def __init__(self, server: EmbeddedPostgreSQL) -> None:
        self.server = server
        self._process = self._start()

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def superuser_url(self) -> str:
        return self.server.url(SUPERUSER, "postgres")

    def owner_url(self, database: str) -> str:
        return self.server.url(OWNER, database)

    def app_url(self, database: str) -> str:
        return self.server.url(APP, database)

    def tenant_url(self, database: str) -> str:
        return self.server.url(TENANT, database)

    def backup_url(self, database: str) -> str:
        return self.server.url(BACKUP, database)

    def urls(self, database: str) -> dict[str, str]:
        """The settings that name this database for both of the application's roles."""
        return {"DATABASE_URL": self.app_url(database), "MOYAI_TENANT_DATABASE_URL": self.tenant_url(database)}

    def stop(self) -> None:
        """Stop it in order; nothing happens when it does not run."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it without warning, as a crash would. Its backends end by themselves then; they are gone on return."""
        backends = psutil.Process(self._process.pid).children() if self._process.poll() is None else []
        self._end(signal.SIGKILL)
        psutil.wait_procs(backends, timeout=30)

    def start_again(self) -> None:
        """Start it on the same folder and port after `stop` or `kill`."""
        self._process = self._start()

    def _end(self, how: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
        self._process.wait(timeout=30)

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.server.folder / "log").open("ab") as log:
            process = subprocess.Popen(self.server.command(), cwd="/", stdin=subprocess.DEVNULL, stderr=log, stdout=log)
        ready = wait_until(lambda: self.server.version() is not None or process.poll() is not None, seconds=30)
        if not ready or process.poll() is not None:
            process.kill()
            process.wait()
            text = (self.server.folder / "log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"PostgreSQL did not start:\n{text[-2000:]}")
        return process


def start_postgresql(folder: Path, port: int | None = None, *, durable: bool = False) -> PostgreSQL:
    """A new PostgreSQL 18 in `folder`; without `port`, on one that is free. `durable` is for measuring."""
    passwords = {role: secrets.token_urlsafe(18) for role in ROLES}
    server = EmbeddedPostgreSQL(folder, port or find_free_port(), passwords, durable=durable)
    server.initialise()
    running = PostgreSQL(server)
    server.prepare_roles()
    server.prepare_database(KEYCLOAK, owner=KEYCLOAK)
    return running


class Keycloak:
    """A running throw-away Keycloak with an administrator client in the realm `master`.

    `url` is its address and the beginning of its issuers.
    """

    def __init__(self, server: EmbeddedKeycloak, log: Path) -> None:
        self.server = server
        self._log = log
        self._process = self._start()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def administrator_client_id(self) -> str:
        return self.server.bootstrap_client_id

    @property
    def administrator_client_secret(self) -> str:
        return self.server.bootstrap_client_secret

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """Stop it in order; nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it without warning, as a crash would."""
        self._end(signal.SIGKILL)

    def start_again(self) -> None:
        """Start it on the same port and database after `stop` or `kill`."""
        self._process = self._start()

    def _end(self, how: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                self.server.command(),
                env=self.server.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ready = wait_until(lambda: self.server.is_ready() or process.poll() is not None, seconds=120)
        if not ready or process.poll() is not None:
            process.kill()
            process.wait()
            text = self._log.read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"Keycloak did not start:\n{text[-4000:]}")
        return process


def start_keycloak(postgresql: PostgreSQL, folder: Path) -> Keycloak:
    """A new Keycloak on the database `keycloak` of that PostgreSQL; its log goes into `folder`.

    The built distribution is kept in `.moyai-test/` of the project and shared by every session, and so are the tables
    of a fresh Keycloak: making them takes it twice as long as starting.
    """
    java = keycloak_distribution.java_home(None)
    distribution = keycloak_distribution.prepare(KEPT, java=java, progress=lambda text: print(text, flush=True))
    tables = FreshTables(postgresql.server, KEPT / f"{distribution.name}-tables")
    secret = tables.restore() or secrets.token_urlsafe(18)
    port = find_free_port()
    server = EmbeddedKeycloak(
        distribution=distribution,
        java=java,
        url=f"http://localhost:{port}",
        port=port,
        management_port=find_free_port(),
        jdbc_url=postgresql.server.jdbc_url,
        database_password=postgresql.server.passwords[KEYCLOAK],
        bootstrap_client_id="moyai-bootstrap",
        bootstrap_client_secret=secret,
    )
    running = Keycloak(server, folder / "keycloak.log")
    tables.store(secret)
    return running


class FreshTables:
    """The tables of a Keycloak that has only just started for the first time, and the secret that it knows, in `kept`.

    They hold a realm `master` with its administrator client and nothing else.
    """

    def __init__(self, server: EmbeddedPostgreSQL, kept: Path) -> None:
        self._server = server
        self._kept = kept

    def restore(self) -> str | None:
        """Put them into the empty database `keycloak`; answers the secret, or None where none are kept."""
        if not self._kept.is_dir():
            return None
        self._run("pg_restore", "--no-owner", "--no-acl", "--exit-on-error", str(self._kept / "tables"))
        return (self._kept / "secret").read_text(encoding="ascii")

    def store(self, secret: str) -> None:
        """Keep what stands in the database `keycloak` now, unless there are some already."""
        if self._kept.is_dir():
            return
        unfinished = Path(tempfile.mkdtemp(prefix=f"{self._kept.name}.", dir=self._kept.parent))
        self._run("pg_dump", "--format=custom", "--compress=none", f"--file={unfinished / 'tables'}")
        (unfinished / "secret").write_text(secret, encoding="ascii")
        try:
            unfinished.rename(self._kept)
        except OSError:
            # Another session was first; its tables are as good.
            shutil.rmtree(unfinished)

    def _run(self, program: str, *arguments: str) -> None:
        to = ["--host=127.0.0.1", f"--port={self._server.port}", f"--username={KEYCLOAK}", f"--dbname={KEYCLOAK}"]
        password = {"PGPASSWORD": self._server.passwords[KEYCLOAK]}
        command = [str(client_program(program)), *to, *arguments]
        done = subprocess.run(command, env=dict(os.environ) | password, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")
