"""Bringing a database to the newest schema."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def migrate_url(owner_url: str) -> None:
    """Upgrade the database to the newest schema, as the owner role. Safe to repeat."""
    command.upgrade(_config(owner_url), "head")


def known_revisions() -> frozenset[str]:
    """Every revision of the schema that this program can begin from."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config("")).walk_revisions())


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    # ConfigParser reads % as interpolation, and a password may hold one.
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config
