"""Comparisons of everything with Keycloak whose result is kept: one each night, and those that were asked for.

The comparison itself is in `tenancy.keycloak.drift` and `admin.workflows.drift`.
"""
