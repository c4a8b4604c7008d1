"""Keycloak as Moyai keeps it: realms as a specification, tenants as organizations, drift between intent and server.

This is the only package that knows python-keycloak. What a tenant or a person *should* be is decided elsewhere
(`tenancy.tenants`, `tenancy.people`); here it is written to the identity server and read back. No database, no request.
"""
