"""Intent against Keycloak."""
