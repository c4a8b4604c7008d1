"""The embedded servers: a real PostgreSQL and a real Keycloak, started, watched and stopped by Moyai itself.

The room exists so that a machine with Python and make is enough. It knows processes, ports, files and readiness.
It does not know what the servers are used for: tables belong to `admin.migrations`, realms to `tenancy.keycloak`.
"""
