"""Service clients: the systems of a tenant that sign in by themselves, with a key of their own.

This is the intent; onboarding makes the client in Keycloak. Moyai sees the public half of a key and never a secret.
"""
