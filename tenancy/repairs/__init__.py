"""Writing what Moyai wants of a tenant into Keycloak anew, where somebody changed it there."""
