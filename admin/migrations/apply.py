"""Bringing a database to the newest schema, and asking whether it is there."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine


def migrate_url(owner_url: str) -> None:
    """Upgrade the database to the newest schema, as the owner role. Safe to repeat."""
    command.upgrade(_config(owner_url), "head")


def is_current(url: str) -> bool:
    """Whether the database at `url` (any role) has the newest schema."""
    newest = ScriptDirectory.from_config(_config(url)).get_current_head()
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() == newest
    finally:
        engine.dispose()


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    # ConfigParser reads % as interpolation, and a password may hold one.
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config
