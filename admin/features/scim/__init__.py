"""A municipality's own directory (SCIM 2.0): its tokens, which people issue, and the addresses that it calls."""
