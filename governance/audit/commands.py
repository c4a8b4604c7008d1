"""Commands about the audit log itself."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from governance.commands import Command, CommandContext, Result, handles
from governance.declaration import Input
from governance.events import Event
from governance.kernel.field_types import ReasonLine
from governance.permissions import Permission


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
