"""Commands about the audit log itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.field_types import ReasonLine
from governance.permissions import Permission


class StartBackup(Command):
    """A backup of the installation is about to be taken: all rows, all keys and secrets leave for another place."""


class BackupStarted(Result):
    recorded_for: UUID
    """The stream that holds the event: the operator's."""


@handles(Permission.BACKUP_TAKE, Event.BACKUP_STARTED)
def start_backup(ctx: CommandContext, command: StartBackup) -> BackupStarted:
    """Record that a backup is about to be taken. Recorded first, so that no copy leaves without an event."""
    ctx.audit(subject=ctx.actor.tenant_id)
    return BackupStarted(recorded_for=ctx.actor.tenant_id)


class RecordRestore(Command):
    """The installation was restored from a backup.

    `taken_at` is when the backup was taken, `version` by which version of Moyai, `manifest` the SHA-256 of its
    manifest. `heads` are the ends of the streams then: stream → number of its last seal.
    """

    taken_at: datetime
    version: str
    manifest: str
    heads: dict[str, int]


class RestoreRecorded(Result):
    recorded_for: UUID
    """The stream that holds the event: the operator's."""


@handles(Permission.BACKUP_RESTORE, Event.BACKUP_RESTORED)
def record_restore(ctx: CommandContext, command: RecordRestore) -> RestoreRecorded:
    """Record that the database is a restored one. What a head kept elsewhere says beyond `heads` was given up."""
    ctx.audit(subject=ctx.actor.tenant_id, **command.model_dump(mode="json"))
    return RestoreRecorded(recorded_for=ctx.actor.tenant_id)


class ResetAuditTips(Command):
    """The tips are about to be made anew: after a restored backup, on a new host, or where their file was lost.

    `findings` are the kinds that verification found just before, sorted; `findings_total` counts the findings.
    """

    reason: Annotated[ReasonLine, Input("理由", "Reason")]
    findings: tuple[str, ...]
    findings_total: int


class AuditTipsReset(Result):
    recorded_for: UUID
    """The stream that holds the event: the operator's."""


@handles(Permission.AUDIT_SEAL, Event.AUDIT_TIPS_RESET)
def reset_audit_tips(ctx: CommandContext, command: ResetAuditTips) -> AuditTipsReset:
    """Record that the tips are made anew, and what was wrong before. The caller then writes the file."""
    ctx.audit(
        subject=ctx.actor.tenant_id,
        reason=command.reason,
        findings=list(command.findings),
        findings_total=command.findings_total,
    )
    return AuditTipsReset(recorded_for=ctx.actor.tenant_id)
