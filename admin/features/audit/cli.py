"""`moyai audit`: reading the audit log, and verifying that it is what was written."""

from __future__ import annotations

from typing import Final

import click

from admin.features.audit.api import routes
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group, spelled
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from governance.audit.commands import ResetAuditTips, reset_audit_tips
from governance.audit.files import AuditFiles
from governance.audit.findings import AuditFinding
from governance.audit.seal import SealingStopped, reset_tips
from governance.audit.verification import verify
from governance.commands import system_transaction
from governance.declaration import read_command
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, message
from governance.permissions import Permission

NO_KEY = message(
    "audit.no_key",
    ja="監査記録の封印の鍵がありません。",
    en="The key of the audit log is missing.",
    hint_ja="鍵のファイルをバックアップから戻してください。",
    hint_en="Restore the file of the key from the backup.",
)

_INSTANT: Final = "%Y-%m-%dT%H:%M:%SZ"

audit = command_group("audit", "監査記録 / The audit log.", queries=routes.queries)


@audit.command("verify", cls=PermittedCommand, permission=Permission.AUDIT_VERIFY)
@click.option(
    "--expect",
    multiple=True,
    metavar="HEAD",
    help="A head kept elsewhere (stream:number:hash), which must still be there. Repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def verify_audit(expect: tuple[str, ...], as_json: bool) -> None:
    """記録の連鎖を計算し直して確かめる / Recompute every stream's chain and name all that was tampered with.

    Exit code 0 when the record is intact, 1 when it is not. Events that still wait for their seal are counted. The
    JSON has the head of every stream, to be kept elsewhere for --expect.
    """
    with spelled(), app_context() as context, system_transaction(OPERATOR) as session:
        report = verify(session, context.settings.audit_files, expect)
    if as_json:
        print_json(report.model_dump(mode="json", exclude_none=True))
    else:
        for finding in report.findings:
            click.echo(_line(finding))
        for restore in report.restores:
            click.echo(
                f"{restore.recorded_at:{_INSTANT}} に {restore.taken_at:{_INSTANT}} のバックアップから復元"
                " / restored then from the backup of the second time"
            )
        if report.intact:
            click.echo(f"記録 {report.records} 件に改変はありません（封印待ち {report.unsealed} 件） / intact")
        else:
            click.echo(f"記録に {report.findings_total} 件の異常があります / findings: {report.findings_total}")
    click.get_current_context().exit(0 if report.intact else 1)


def _line(finding: AuditFinding) -> str:
    return f"{finding.kind}\t{finding.place}\t{finding.kind.ja} / {finding.kind.en}"


@audit.command("reset-tips", cls=PermittedCommand, permission=Permission.AUDIT_SEAL)
@click.option("--reason", required=True, help="なぜ作り直すか / Why; recorded.")
@as_json_option
@handle_errors
def reset_audit_tips_file(reason: str, as_json: bool) -> None:
    """末尾の控えを今の記録から作り直す / Make the file of tips anew from the record as it is now.

    For a restored backup, a new host, or a file that was lost. What verification finds before is recorded with the
    reason, because what the former tips would have shown cannot be shown afterwards.
    """
    with spelled(), app_context() as context:
        files = context.settings.audit_files
        with system_transaction(OPERATOR) as session:
            report = verify(session, files)
        kinds = sorted({str(finding.kind) for finding in report.findings})
        command = read_command(
            ResetAuditTips,
            {"reason": reason},
            given={"findings": tuple(kinds), "findings_total": report.findings_total},
        )
        if not _has_key(files):
            raise Conflict(NO_KEY)
        reset_audit_tips(command, actor=context.actor)
        try:
            streams = reset_tips(files)
        except SealingStopped:
            raise Conflict(NO_KEY) from None
    result = {"streams": streams, "findings": kinds, "findings_total": report.findings_total}
    if as_json:
        print_json(result)
    else:
        click.echo(f"{streams} 団体の控えを作り直しました / tips made anew: {streams}")


def _has_key(files: AuditFiles) -> bool:
    try:
        return files.read_key() is not None
    except ValueError:
        return False
