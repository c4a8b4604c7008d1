"""Which permission each command of the command line asks: one table, so that none can be forgotten.

The person at the operator's machine holds the operator's roles; the commands of the write door ask once more.
"""

from __future__ import annotations

from typing import Final

from governance.permissions import Permission as P

PERMITTED: Final[dict[str, P]] = {
    "run": P.SERVERS_RUN,
    "up": P.SERVERS_RUN,
    "down": P.SERVERS_RUN,
    "supervise": P.SERVERS_RUN,
    "worker": P.SERVERS_RUN,
    "status": P.PUBLIC,
    "permissions": P.PUBLIC,
    "openapi": P.PUBLIC,
    "keycloak configure": P.KEYCLOAK_CONFIGURE,
    "tenant list": P.TENANT_READ,
    "tenant show": P.TENANT_READ,
    "tenant register": P.TENANT_REGISTER,
    "tenant import": P.TENANT_IMPORT,
    "tenant move": P.TENANT_MOVE,
    "quota define": P.PLAN_DEFINE,
    "quota choose": P.PLAN_CHOOSE,
    "quota request": P.QUOTA_REQUEST,
    "quota decide": P.QUOTA_DECIDE,
    "agreement publish": P.AGREEMENT_PUBLISH,
    "agreement accept": P.AGREEMENT_ACCEPT,
    "cohort plan": P.COHORT_READ,
    "cohort apply": P.COHORT_APPLY,
    "drift": P.DRIFT_READ,
    "rule list": P.RULE_READ,
    "rule draft": P.RULE_DRAFT,
    "rule adopt": P.RULE_ADOPT,
    "rule end": P.RULE_END,
    "cost list": P.COST_READ,
    "cost pool": P.COST_POOL_DEFINE,
    "cost record": P.COST_RECORD,
    "cost withdraw": P.COST_WITHDRAW,
    "allocation compute": P.ALLOCATION_COMPUTE,
    "allocation show": P.ALLOCATION_READ,
    "allocation prepare": P.ALLOCATION_PREPARE,
    "allocation approve": P.ALLOCATION_APPROVE,
    "allocation reject": P.ALLOCATION_REJECT,
    "notice list": P.NOTICE_READ,
    "notice pdf": P.NOTICE_READ,
    "notice issue": P.NOTICE_ISSUE,
    "ledger verify": P.LEDGER_READ,
    "ledger export": P.LEDGER_READ,
    "audit list": P.AUDIT_READ,
    "audit verify": P.AUDIT_VERIFY,
    "example load": P.EXAMPLE_LOAD,
    "example accounts": P.EXAMPLE_LOAD,
}
"""Command path without the program's name → permission."""
