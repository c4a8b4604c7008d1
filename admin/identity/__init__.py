"""Who is asking: signing in through Keycloak, the sessions of people, the bearer tokens of the API.

What comes out is an `Actor` whose roles are both in the token and in force here. What a role allows does not belong
here (governance.permissions), nor does writing to Keycloak (tenancy.keycloak).
"""
