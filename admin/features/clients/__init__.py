"""連携システム: the systems of a tenant."""
