"""The worker's sealing of the audit log: seals, hands the tips on, and logs once what keeps it from sealing."""

from __future__ import annotations

import structlog

from governance.audit.files import AuditFiles, TipSender
from governance.audit.seal import SealingStopped, seal

log = structlog.get_logger(__name__)


class AuditSealer:
    """Called every few seconds. What it finds wrong stays for `moyai audit verify`, and is logged when it changes."""

    def __init__(self, files: AuditFiles, send: TipSender | None) -> None:
        self._files = files
        self._send = send
        self._logged: set[str] = set()

    def __call__(self) -> None:
        """Seal and commit; then the tips are in their file and sent. Raises what the database raises."""
        try:
            result = seal(self._files)
        except SealingStopped as stopped:
            self._log_new({stopped.reason})
            return
        self._log_new({str(stream) for stream in result.stopped})
        if self._send is not None and result.tips:
            try:
                self._send(result.tips)
            except OSError as fault:
                log.warning("audit.tips_not_sent", error=type(fault).__name__)

    def _log_new(self, reasons: set[str]) -> None:
        for reason in sorted(reasons - self._logged):
            log.error("audit.sealing_stopped", reason=reason)
        self._logged = reasons
