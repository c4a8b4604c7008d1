"""pg_dump and pg_restore: which of those on this machine fits a server, and how they are run.

A pg_dump refuses a server that is newer than itself, and a pg_restore the archives of a newer pg_dump
(https://www.postgresql.org/docs/current/app-pgdump.html, Notes).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from admin.operations import postgresql
from governance.kernel.errors import Conflict, DependencyUnavailable, message

_CONNECT_SECONDS: Final = 5

PROGRAM_MISSING = message(
    "backup.program_missing",
    ja="PostgreSQL のプログラム {name} が、この端末にありません。",
    en="PostgreSQL's program {name} is not on this machine.",
    hint_ja="PostgreSQL {wanted} 以上のクライアントか moyai[embedded] をインストールしてください。",
    hint_en="Install the client programs of PostgreSQL {wanted} or later (postgresql-client), or moyai[embedded].",
)
PROGRAM_OLDER = message(
    "backup.program_older",
    ja="{name} の版 {found} は古く、PostgreSQL {wanted} には使えません。",
    en="{name} {found} is too old for PostgreSQL {wanted}.",
    hint_ja="PostgreSQL {wanted} 以上のクライアントをインストールし、PATH で見えるようにしてください。",
    hint_en="Install the client programs of PostgreSQL {wanted} or later, and have them on PATH.",
)
PROGRAM_FAILED = message(
    "backup.program_failed",
    ja="{name} が終わりませんでした。理由: {answer}",
    en="{name} did not finish. It said: {answer}",
    hint_ja="空き容量と、PostgreSQL の状態を確かめてください。",
    hint_en="Check the free space and the state of PostgreSQL.",
)
UNREACHABLE = message(
    "backup.database_unreachable",
    ja="役割 {role} で PostgreSQL（{where}）に接続できません。",
    en="PostgreSQL at {where} cannot be reached as {role}.",
    hint_ja="moyai status で状態を確かめ、moyai up で起動してください。",
    hint_en="Check with `moyai status`; start it with `moyai up`.",
)


@dataclass(frozen=True, slots=True)
class Program:
    """A client program of PostgreSQL; `version` as it says it, "18.4"."""

    path: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def run(self, url: str, arguments: Sequence[str]) -> str:
        """Run it on the database at a URL, and return what it wrote. What it makes is for its owner only.

        Raises Conflict with its last line where it fails: also on a full disk, or when it was killed.
        """
        given = psycopg.conninfo.conninfo_to_dict(libpq(url))
        password = {} if given.get("password") is None else {"PGPASSWORD": str(given["password"])}
        address = psycopg.conninfo.make_conninfo(
            "", **{name: text for name, text in given.items() if name != "password"}
        )
        command = [str(self.path), f"--dbname={address}", "--no-password", *arguments]
        return self._finish(command, password)

    def list_archive(self, archive: Path) -> str:
        """The table of contents of an archive of pg_dump."""
        return self._finish([str(self.path), "--list", str(archive)], {})

    def _finish(self, command: list[str], password: dict[str, str]) -> str:
        done = subprocess.run(
            command,
            env=dict(os.environ) | password,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            umask=0o077,
            # A limit on the size of files is then an answer of the program, and no signal that ends it in silence.
            restore_signals=False,
        )
        if done.returncode != 0:
            answer = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise Conflict(PROGRAM_FAILED, name=self.path.name, answer=answer)
        return done.stdout


def find_program(name: str, server: int, *, at_least: int = 0) -> Program:
    """The program for a server of this major version: that of the same version, else the oldest that is newer.

    `at_least` is another version below which it will not do. Looks at the PostgreSQL that comes with Moyai and at PATH.
    Raises Conflict where there is none, or only older ones.
    """
    wanted = max(server, at_least)
    found = sorted(_programs(name), key=lambda program: program.major)
    if not found:
        raise Conflict(PROGRAM_MISSING, name=name, wanted=wanted)
    fitting = [program for program in found if program.major >= wanted]
    if not fitting:
        raise Conflict(PROGRAM_OLDER, name=name, found=found[-1].version, wanted=wanted)
    return fitting[0]


def _programs(name: str) -> list[Program]:
    paths = []
    # Not there in a Moyai without the extra `embedded`.
    with contextlib.suppress(Conflict):
        paths.append(postgresql.client_program(name))
    if (on_path := shutil.which(name)) is not None:
        paths.append(Path(on_path))
    answers = [(path, _version_of(path)) for path in paths]
    return [Program(path, version) for path, version in answers if version is not None]


def _version_of(path: Path) -> str | None:
    """What `pg_dump --version` says: "pg_dump (PostgreSQL) 18.4"."""
    try:
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    stated = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", done.stdout)
    return stated[1] if stated else None


def libpq(url: str) -> str:
    """The address as psycopg itself reads it, made from SQLAlchemy's."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


@contextlib.contextmanager
def connect(url: str) -> Iterator[psycopg.Connection]:
    """A connection to the database at a URL, closed at the end.

    Raises DependencyUnavailable, with role and place and no password, where it cannot be made or is lost meanwhile.
    """
    try:
        with psycopg.connect(libpq(url), connect_timeout=_CONNECT_SECONDS) as connection:
            yield connection
    except psycopg.OperationalError as trouble:
        given = psycopg.conninfo.conninfo_to_dict(libpq(url))
        where = f"{given.get('host', '')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
        raise DependencyUnavailable(UNREACHABLE, role=given.get("user", ""), where=where) from trouble


def server_version(connection: psycopg.Connection) -> str:
    """What the server says it is, "18.4"."""
    return (connection.info.parameter_status("server_version") or "?").split()[0]


def server_major(connection: psycopg.Connection) -> int:
    return connection.info.server_version // 10_000
