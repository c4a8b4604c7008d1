"""The entry point of the decision. Its page shows the stored command and is written by hand."""

from __future__ import annotations

from typing import Final

from admin.interface.entry_points import EntryPoint, api, cli
from governance.approvals.commands import decide_approval
from governance.kernel.labels import Label

ENTRY_POINTS: Final = (
    EntryPoint(
        decide_approval,
        Label("承認の申請を決定する", "Decide a request for approval"),
        Label("決定する", "Decide"),
        api=api("POST /approvals/<approval>/decision", approval="approval_id"),
        cli=cli("approval decide", "approval_id"),
    ),
)
