"""The audit log: one row per command in the command's own transaction, also for what was denied, refused or failed.

Rows are only ever added. Each tenant's stream is sealed afterwards by a hash chain, so that a change, a deletion or a
reordering is found and located. Not here: operational logs (structlog), which may be deleted.
"""
