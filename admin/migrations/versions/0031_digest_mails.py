"""Whether a person gets the digest mail, since when they want it so, and which mornings' were handed out and sent.

The version before this one leaves the mail off, which is what it is until somebody chooses.
"""

import sqlalchemy as sa
from alembic import op

from admin.migrations.protection import allow_tenants

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    table = "person_preferences"
    op.add_column(table, sa.Column("digest_mail", sa.String(), nullable=False, server_default="never"))
    op.add_column(table, sa.Column("digest_since", moment, nullable=False, server_default=sa.func.now()))
    op.add_column(table, sa.Column("digest_on", sa.Date(), nullable=True))
    op.add_column(table, sa.Column("digest_sent_on", sa.Date(), nullable=True))
    op.create_check_constraint(
        op.f("ck_person_preferences_digest_mail_known"), table, "digest_mail IN ('daily', 'weekly', 'never')"
    )
    # Each round of the worker asks who is due.
    op.create_index(
        "ix_person_preferences_digest_on", table, ["digest_on"], postgresql_where=sa.text("digest_mail <> 'never'")
    )
    allow_tenants()
