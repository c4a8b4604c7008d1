"""Mail where no mail server is set: kept in a folder that the operator's console shows, sent to nobody.

With `SMTP_URL` Keycloak sends through that server and this package has nothing to do.
"""
