"""Running Moyai: settings, keys, the embedded PostgreSQL and Keycloak, the supervisor, the local mail box.

It knows processes, ports, files and readiness; what the servers are used for is not known here.
"""
