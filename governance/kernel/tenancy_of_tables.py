"""The tables that have no tenant_id, each with its reason. Every other table has one, and a test says so."""

SHARED_TABLES: dict[str, str] = {
    "tenant": "its own id is the tenant; row-level security compares that",
    "cohort": "names a year's group of tenants; it says nothing about any of them",
    "rule": "the rules everybody agreed on, for everybody to read",
    "rule_version": "the text of a rule and the decision that adopted it; says nothing about any one tenant",
    "cost_pool": "names what kinds of cost there are and by which rule each is shared",
}
"""Readable in every scope, written by the operator alone, except `tenant`, which shows each tenant its own row."""

MACHINE_TABLES: dict[str, str] = {
    "alembic_version": "the state of the schema itself; belongs to the owner role",
}
"""Tables of the machinery: no tenant's content, no row-level scope."""
