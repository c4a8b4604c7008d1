"""Webhooks: where the audit log's events are sent as they are sealed, to whom, and how each delivery is signed.

What is sent is decided here: which address may be a receiver's, whose events, in which order, when again. The request
itself is made by admin.operations.webhook_sender, in the worker.
"""
