"""Taking a tenant in: from what Moyai wants to what Keycloak and Moyai hold, step by step, each one safe to repeat.

Here: the steps and their states (pure), the plan that is shown before (pure), the rows, and the runner that does one
step after the other. Not here: how Keycloak is spoken to (tenancy.keycloak), who wants what (people, clients, quotas,
agreements), and what a cohort costs (billing, joined to the plan in admin.workflows.cohort_plan).
"""
