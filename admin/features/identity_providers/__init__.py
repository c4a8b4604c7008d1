"""IdP 連携: a tenant's own identity provider, tested before it is used."""
