"""Finding people by their id, and those whose invitation ran out, among 50,000.

Every page of whoever may invite counts the invitations that ran out.
"""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_index("ix_member_person_id", "member", ["person_id"])
    op.create_index("ix_member_invited", "member", ["password_mail_sent_at"], postgresql_where="state = 'invited'")
