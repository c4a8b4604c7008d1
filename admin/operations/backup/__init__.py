"""Backup of a whole installation into a folder, and its restore into an empty one.

A backup is `databases/` (archives of pg_dump), `private/` (keys, secrets, tips of the audit log) and `manifest.json`,
signed with the key of the audit log. Logs, stored mails, sessions and the distributions of the servers are not in it.
"""
