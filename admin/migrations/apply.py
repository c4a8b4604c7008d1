"""Bringing a database to the newest schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from admin.operations.schema_version import LOCK_KEY, newest_version, require_version


@dataclass(frozen=True, slots=True)
class Migrated:
    """The schema's version before (None: an empty database) and after, and whether another migration was waited for."""

    before: str | None
    after: str
    waited: bool


def migrate_url(owner_url: str, *, waiting: Callable[[], None] = lambda: None) -> Migrated:
    """Upgrade the database to the newest schema, as the owner role, in one transaction. Safe to repeat.

    One migration at a time works on a database: others wait for its end, having called `waiting`, and then find nothing
    to do. Raises Conflict for a database of a newer version, OperationalError where PostgreSQL does not answer or has
    no space; the schema is then as it was.
    """
    before: str | None = None
    waited = False

    def begin(connection: Connection) -> None:
        nonlocal before, waited
        if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": LOCK_KEY}):
            waited = True
            waiting()
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        before = _version(connection)
        if before is not None and before > newest_version():
            require_version(before)

    command.upgrade(_config(owner_url, begin), "head")
    return Migrated(before, newest_version(), waited)


def _version(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def _config(url: str, begin: Callable[[Connection], None]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    # ConfigParser reads % as interpolation, and a password may hold one.
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    config.attributes["begin"] = begin
    return config


def known_revisions() -> frozenset[str]:
    """Every revision of the schema that this program can begin from."""
    scripts = ScriptDirectory.from_config(_config("", lambda connection: None))
    return frozenset(script.revision for script in scripts.walk_revisions())
