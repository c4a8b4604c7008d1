"""Who takes part: tenants, their admission, people, systems and quotas, and their image in Keycloak.

May read governance, never billing: a rule that needs a fact from above is handed the fact.
"""
