"""Alembic's entry: one transaction per upgrade, on the URL that `apply` hands over."""

from alembic import context
from sqlalchemy import create_engine, pool

from admin.migrations.metadata import metadata

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
