"""The tables without `tenant_id`, each with its reason (tests/architecture/test_tables.py checks all others)."""

GLOBAL_TABLES: dict[str, str] = {
    "tenant": "its own id is the tenant; row-level security compares that",
    "cohort": "names a year's group of tenants; it says nothing about any of them",
    "agreement": "the agreements there are, for everybody to read before accepting one",
    "agreement_version": "the text of an agreement; who accepted it stands in acceptance, with the tenant",
    "plan": "the offers there are; which tenant is on which stands in tenant_plan",
    "plan_quota": "what a plan allows, the same for every tenant on it",
    "quota_dimension": "what can be limited at all; rows come by migration",
    "rule": "the rules everybody agreed on, for everybody to read",
    "rule_version": "the text of a rule and the decision that adopted it; says nothing about any one tenant",
    "sign_in_limits": "how long a login lasts, the same for everybody, and read at each request",
    "cost_pool": "names what kinds of cost there are and by which rule each is shared",
}
"""Readable in every scope, written by the operator alone, except `tenant`, which shows each tenant its own row."""

SYSTEM_TABLES: dict[str, str] = {
    "alembic_version": "the state of the schema itself; belongs to the owner role",
    "huey_counter": "the queue's own counters",
    "huey_kv": "the queue's own locks and results; results are off",
    "huey_schedule": "job ids to be carried later; the jobs themselves stand in job, with their tenant",
    "huey_task": "job ids on their way; the jobs themselves stand in job, with their tenant",
    "realm_keys": "the public keys of Keycloak's realms, signed with a key outside the database",
}
"""Tables of the machinery: no tenant's content, no row-level scope."""

CROSS_TENANT_REFERENCES: dict[str, str] = {
    "announcement_recipient.announcement_id": "a tenant's row names the operator's announcement that went to it",
    "allocation_share.run_id": "a member's share belongs to the member and names the operator's run it came from",
}
"""Foreign keys that join a tenant's row to another tenant's by design; they still carry that tenant's id."""
