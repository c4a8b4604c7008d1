"""Money: what is shared, who bears what of it, and the books that say so.

Billing reads who takes part from `tenancy.directory` and asks the command bus of `governance` for every change. It
knows no request, no page and no Keycloak.
"""
