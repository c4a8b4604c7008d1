"""How long what is kept for the machinery is kept, and its deletion: jobs done, idempotency keys.

Not here: the audit log, agreements and accounts, of which nothing is deleted.
"""
