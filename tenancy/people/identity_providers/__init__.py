"""A tenant's own identity provider: registered, checked before it is used, and the people it may speak for.

What Keycloak is told of it is decided here; the requests are made in the worker (admin.workflows.identity_providers).
"""
