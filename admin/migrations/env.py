"""Alembic's entry: one transaction per upgrade, on the URL that `apply` hands over. It ends with all or nothing."""

from alembic import context
from sqlalchemy import create_engine, pool

from admin.migrations.metadata import metadata

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
with engine.begin() as connection:
    context.config.attributes["begin"](connection)
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    context.run_migrations()
