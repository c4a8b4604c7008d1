"""A person may belong to several tenants with one account, after they consented.

The version before this one knows no account of another tenant: whom it adds has one of their own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"

_PROBLEMS = "'address-in-use', 'awaiting-consent', 'consent-declined', 'refused', 'skipped'"


def upgrade() -> None:
    op.add_column("member", sa.Column("account_id", sa.Uuid()))
    op.add_column("member", sa.Column("asked_account_id", sa.Uuid()))
    op.add_column("member", sa.Column("consent_code_hash", sa.String()))
    op.add_column("member", sa.Column("is_shared", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.drop_constraint(op.f("ck_member_sync_problem_known"), "member")
    for name, condition in (
        ("sync_problem_known", f"sync_problem IN ({_PROBLEMS})"),
        ("account_of_another", "account_id <> person_id"),
        ("asked_or_joined", "asked_account_id IS NULL OR account_id IS NULL"),
        ("code_of_who_is_asked", "consent_code_hash IS NULL OR asked_account_id IS NOT NULL"),
    ):
        op.create_check_constraint(op.f(f"ck_member_{name}"), "member", condition)
    for column in ("account_id", "asked_account_id"):
        op.create_index(f"ix_member_{column}", "member", [column], postgresql_where=sa.text(f"{column} IS NOT NULL"))
    op.create_index(
        "uq_member_account",
        "member",
        ["tenant_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("account_id IS NOT NULL AND state <> 'removed'"),
    )
