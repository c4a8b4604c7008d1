"""Running Moyai: settings, keys, the embedded PostgreSQL and Keycloak, the supervisor, the local mail box.

It knows processes, ports, files and readiness, and nothing of tenants or money.
"""
