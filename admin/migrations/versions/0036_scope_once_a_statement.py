"""Each policy reads the scope once a statement, in place of once or twice for every row that it lets through.

Among 50,000 people the policy cost as much as the search itself. What a policy lets through does not change.
"""

import re

from alembic import op

revision = "0036"
down_revision = "0035"

_PER_ROW = "NULLIF(current_setting('moyai.scope'::text, true), ''::text)"
"""The setting as PostgreSQL prints it in a policy."""
_ONCE = f'( SELECT {_PER_ROW} AS "nullif")'
_OWN = re.compile(
    rf"\(\((\w+)\)::text = {re.escape(_PER_ROW)}\) OR \({re.escape(_PER_ROW)} = 'operator'::text\)",
)


def upgrade() -> None:
    connection = op.get_bind()
    policies = connection.exec_driver_sql(
        "SELECT tablename, policyname, qual, with_check FROM pg_policies WHERE schemaname = 'public'"
    ).all()
    for table, policy, shown, written in policies:
        if _PER_ROW not in f"{shown}{written}".replace(_ONCE, ""):
            continue
        clauses = (("USING", shown), ("WITH CHECK", written))
        changed = " ".join(f"{clause} ({_read_once(condition)})" for clause, condition in clauses if condition)
        connection.exec_driver_sql(f"ALTER POLICY {policy} ON {table} {changed}")


def _read_once(condition: str) -> str:
    """The condition with the setting in a subquery; whether it is the operator's is asked before a row's id is cast."""
    operator_first = _OWN.sub(rf"({_PER_ROW} = 'operator'::text) OR ((\1)::text = {_PER_ROW})", condition)
    return operator_first.replace(_ONCE, _PER_ROW).replace(_PER_ROW, _ONCE)
