"""The audit log: one row per command in the command's own transaction, also for what was denied, refused or failed.

Rows are only ever added. Each tenant's stream is sealed afterwards by a keyed hash chain, whose tips are kept outside
the database, so that a change, a deletion, a reordering, an insertion into the past or a cut end is found and located.
Not here: operational logs (structlog), which may be deleted.
"""
