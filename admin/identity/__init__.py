"""Authentication: OpenID Connect sign-in through Keycloak, sessions, bearer tokens of the API.

The result is an `Actor` whose roles are named by the token and granted by Moyai. Not here: what a role allows
(governance.permissions), and writing to Keycloak (tenancy.keycloak).
"""
