"""Logs: one JSON object a line on standard error, with request id, tenant and actor; no personal data, no secret.

An exception is logged by type and stack frames, never by its text: the text of a database error holds the values of a
row. Values are in the audit log, where reading needs a permission.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, Final

import structlog
from structlog.typing import EventDict, WrappedLogger

from governance.kernel import correlation

_NOISY: Final = ("werkzeug", "httpx", "httpcore", "alembic", "huey", "fontTools", "mail.log")
"""Libraries that would log addresses with their query at INFO."""


def configure_logs(level: int = logging.INFO) -> None:
    """Send structlog's and the libraries' logs through one JSON formatter. Safe to call again."""
    shared_processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_request_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _StderrHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redact_exception,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    for old in [kept for kept in root.handlers if isinstance(kept, _StderrHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


class _StderrHandler(logging.Handler):
    """Writes to the current `sys.stderr`, also after it was redirected."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def _add_request_id(logger: WrappedLogger, method: str, entry: EventDict) -> EventDict:
    number = correlation.request_id.get()
    if number is not None:
        entry.setdefault("request_id", number)
    return entry


def _redact_exception(logger: WrappedLogger, method: str, entry: EventDict) -> EventDict:
    exc_info = entry.pop("exc_info", None)
    if exc_info is True:
        exc_info = sys.exc_info()
    failure = exc_info if isinstance(exc_info, BaseException) else exc_info[1] if isinstance(exc_info, tuple) else None
    if failure is not None:
        entry["exception"] = f"{type(failure).__module__}.{type(failure).__qualname__}"
        entry["cause"] = type(failure.__cause__).__qualname__ if failure.__cause__ is not None else None
        entry["frames"] = [
            f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(failure.__traceback__)[-12:]
        ]
    return entry
