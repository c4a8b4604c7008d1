"""利用者: the people of a tenant."""
