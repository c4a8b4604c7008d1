"""Whom to ask about a notice: section, person, telephone and mail address, each a column of its own.

The line that said section and telephone together stays as the section of those versions, which have no telephone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.alter_column("notice_issuer", "contact", new_column_name="contact_section")
    for name in ("contact_name", "contact_phone", "contact_email"):
        op.add_column("notice_issuer", sa.Column(name, sa.String(), nullable=True))
