"""Approvals: a reset of a second factor needs a second person."""

from alembic import op

revision = "0017"
down_revision = "0016"

_KNOWN = "second_person IN ('money', 'rules', 'settings', 'roles', 'second-factors', 'owners', 'owners-absent')"


def upgrade() -> None:
    name = op.f("ck_approval_request_second_person_known")
    op.drop_constraint(name, "approval_request", type_="check")
    op.create_check_constraint(name, "approval_request", _KNOWN)
