"""Mail where no mail server is set: Keycloak's is kept in a folder, sent to nobody.

The console shows recipient, subject and time; `moyai example mails` prints the text on the machine itself. With
`SMTP_URL` Keycloak sends through that server and this package has nothing to do.
"""
