"""The order of sealing over all streams, for who reads the audit log event by event.

One sealer at a time adds links, so a number that the database counts is the order of their commits. It is no part of a
link's hash: what a stream holds, and in which order, its own sequence says.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("audit_seal", sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.create_index("ix_audit_seal_position", "audit_seal", ["position"])
