"""利用できる団体: the tenants of one's own account, those that ask for it, and the answer to them."""
