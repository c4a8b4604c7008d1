"""Entry points of the commands about runs. Their pages show the split before and after and are written by hand."""

from __future__ import annotations

from typing import Final

from admin.interface.entry_points import EntryPoint, api, cli
from billing.runs.commands import approve_allocation, prepare_allocation, reject_allocation
from governance.kernel.labels import Label

ENTRY_POINTS: Final = (
    EntryPoint(
        prepare_allocation,
        Label("按分を作成し、承認を申請する", "Prepare the year's split and ask for its approval"),
        Label("承認を申請する", "Request approval"),
        api=api("POST /allocation-runs"),
        cli=cli("allocation prepare", "fiscal_year"),
        hidden=frozenset({"requested_for"}),
    ),
    EntryPoint(
        approve_allocation,
        Label("按分を承認して記帳する", "Approve a run that someone else prepared, and post it"),
        Label("承認して記帳する", "Approve and post"),
        api=api("POST /allocation-runs/<run>/approval", run="run_id"),
        cli=cli("allocation approve", "run_id"),
    ),
    EntryPoint(
        reject_allocation,
        Label("按分を差し戻す", "Send back a run that someone else prepared"),
        Label("差し戻す", "Send back"),
        api=api("POST /allocation-runs/<run>/rejection", run="run_id"),
        cli=cli("allocation reject", "run_id"),
    ),
)
