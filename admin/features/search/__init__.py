"""Finding a tenant, a person or a notice by what is known of it."""
