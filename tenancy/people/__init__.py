"""People of a tenant: who is meant to be a member, with which roles, and since when.

This is the intent. Keycloak's image of it is made by onboarding and withdrawn by jobs; no password is ever here.
"""
