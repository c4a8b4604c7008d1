"""The id of the present request, job or command-line call, written to logs and audit events."""

from __future__ import annotations

from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
