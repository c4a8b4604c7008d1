"""`moyai backup` and `moyai restore`: a whole installation into a folder, and from it into an empty home."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import click

from admin.bootstrap import create_core
from admin.interface.cli_context import app_context, refuse_while_signed_in
from admin.interface.keycloak_port import close_identities, identities_of
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand, permission_of
from admin.migrations.apply import known_revisions, migrate_url
from admin.operations import services
from admin.operations.backup.manifest import Manifest, check
from admin.operations.backup.restore import Restored, restored
from admin.operations.backup.take import NO_OPERATOR, take
from admin.operations.bring_up import embedded_keycloak
from admin.operations.keycloak_setup import configure
from admin.operations.settings import Settings
from admin.operations.supervisor import Progress
from admin.workflows.drift import find_drift
from billing.ledger.verification import verify as verify_ledger
from governance.actors import command_line_actor
from governance.audit.commands import RecordRestore, StartBackup, record_restore, start_backup
from governance.audit.seal import SealingStopped, reset_tips, seal
from governance.audit.verification import verify as verify_audit_log
from governance.commands import require, system_transaction
from governance.kernel.database import OPERATOR, dispose_engines
from governance.kernel.errors import Conflict, NotFound
from governance.kernel.models import ReadModel
from governance.permissions import Permission
from tenancy import directory


@click.command("backup", cls=PermittedCommand, permission=Permission.BACKUP_TAKE)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--check", "only_check", is_flag=True, help="Check the backup in DIR; take none, change nothing.")
@as_json_option
@handle_errors
def backup(folder: Path, only_check: bool, as_json: bool) -> None:
    """全体のバックアップを DIR に取る / Save databases, keys and secrets of the running installation into DIR.

    DIR must not be there yet, or be empty. Whoever has it has every key: keep its folder `private` apart. With --check
    an existing backup is checked against its manifest. Exit code 0 done or whole, 1 refused, 3 PostgreSQL does not
    answer.
    """
    if only_check:
        found = check(folder, known_revisions=known_revisions())
    else:
        with app_context() as context:
            try:
                actor = context.actor
            except NotFound:
                raise Conflict(NO_OPERATOR) from None
            start_backup(StartBackup(), actor=actor)
            found = take(context.settings, folder, _progress)
    if as_json:
        print_json(BackupSummary.of(found))
        return
    _progress(
        f"{found.total_bytes / 2**20:.1f} MiB、{len(found.files)} ファイル / files, {found.taken_at:%Y-%m-%dT%H:%M:%SZ}"
    )
    if found.keycloak is None:
        _progress(
            "Keycloak は含まれません。運用者が同じ頃にそのデータベースを保存してください"
            " / Keycloak is not included: have its operator save its database at about the same time"
        )


class BackupSummary(ReadModel):
    """What `moyai backup --json` prints: of which installation it is, and what it holds. `keycloak`: whether Keycloak's
    database is in it.
    """

    installation: UUID
    taken_at: str
    moyai_version: str
    schema_revision: str
    keycloak: bool
    files: int
    bytes: int
    rows: int
    entries: int
    streams: int

    @classmethod
    def of(cls, found: Manifest) -> BackupSummary:
        """What a manifest says, without its lists."""
        return cls(
            installation=found.installation,
            taken_at=found.taken_at.isoformat(),
            moyai_version=found.moyai_version,
            schema_revision=found.moyai.schema_revision,
            keycloak=found.keycloak is not None,
            files=len(found.files),
            bytes=found.total_bytes,
            rows=sum(found.moyai.rows.values()),
            entries=sum(found.moyai.entries.values()),
            streams=len(found.moyai.heads),
        )


class RestoreReport(ReadModel):
    """What was restored, and what verification found. `in_sync` is None where Keycloak is run by somebody else."""

    backup: BackupSummary
    audit_intact: bool
    ledger_balanced: bool
    in_sync: bool | None

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.audit_intact and self.ledger_balanced and self.in_sync is not False


@click.command("restore", cls=PermittedCommand, permission=Permission.BACKUP_RESTORE)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--installation", type=click.UUID, help="Refuse the backup of another installation than this one.")
@as_json_option
@handle_errors
def restore(folder: Path, installation: UUID | None, as_json: bool) -> None:
    """DIR のバックアップを空の MOYAI_HOME に復元する / Restore the backup in DIR into an empty MOYAI_HOME.

    Everything is checked first; a backup that is cut, changed, newer or another installation's is refused and nothing
    changes. Rows and seals are compared with the manifest, then audit log, ledger and Keycloak are verified; the
    restore is recorded. Nothing runs afterwards: `moyai up` starts it. Exit code 0 done and all holds, 1 refused or
    something differs.
    """
    refuse_while_signed_in()
    settings = Settings.from_environment(os.environ)
    require(command_line_actor(UUID(int=0)), permission_of(click.get_current_context().command))
    with restored(
        settings,
        folder,
        _progress,
        known_revisions=known_revisions(),
        migrate=migrate_url,
        prepare_keycloak=_keycloak,
        installation=installation,
    ) as done:
        report = _verified(settings, done)
    if as_json:
        print_json(report)
    else:
        for name, holds in (
            ("audit", report.audit_intact),
            ("ledger", report.ledger_balanced),
            ("drift", report.in_sync),
        ):
            said = "未確認 not checked" if holds is None else "一致 holds" if holds else "相違 differs"
            click.echo(f"{name:<8}{said}")
        _progress("復元しました。moyai up で起動してください / restored; start it with `moyai up`")
    click.get_current_context().exit(0 if report.holds else 1)


def _keycloak(settings: Settings, progress: Progress) -> services.ServiceSpec:
    return services.keycloak(embedded_keycloak(settings, progress))


def _verified(settings: Settings, done: Restored) -> RestoreReport:
    """Verify what was restored, record the restore, make the tips anew, and compare Keycloak."""
    app = create_core(settings)
    with app.app_context():
        try:
            # What waited for its seal in the backup would be found as having waited ever since. Where nothing may be
            # sealed, the verification says why.
            with suppress(SealingStopped):
                seal(done.audit_files)
            with system_transaction(OPERATOR) as session:
                audit_log = verify_audit_log(session, done.audit_files)
                ledger = verify_ledger(session)
                actor = command_line_actor(directory.operator(session).id)
            record_restore(
                RecordRestore(
                    taken_at=done.manifest.taken_at,
                    version=done.manifest.moyai_version,
                    manifest=done.manifest_digest,
                    heads={str(end.stream): end.sequence for end in done.manifest.moyai.heads},
                ),
                actor=actor,
            )
            in_sync = None
            if done.start_keycloak is not None:
                done.start_keycloak()
                # Addresses follow the settings of this home; all else is as it was saved.
                configure(settings)
                in_sync = find_drift(identities_of(app)).in_sync
            # Last, because a file that hosts share is left alone by a restore that fails.
            reset_tips(settings.audit_files)
        finally:
            close_identities(app)
            dispose_engines()
    return RestoreReport(
        backup=BackupSummary.of(done.manifest),
        audit_intact=audit_log.intact,
        ledger_balanced=ledger.balanced,
        in_sync=in_sync,
    )


def _progress(text: str) -> None:
    click.echo(text, err=True)
