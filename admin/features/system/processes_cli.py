"""`moyai web` and `moyai migrate`: one process each, in the foreground, for a service manager."""

from __future__ import annotations

import os
import sys

import click
from sqlalchemy.exc import OperationalError, ProgrammingError

from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.operations import services
from admin.operations.bring_up import check_database, check_tenant_role
from admin.operations.keys import backend_keys
from admin.operations.pooling import check_pooling
from admin.operations.ports import require_free
from admin.operations.process_user import refuse_root
from admin.operations.schema import check_schema
from admin.operations.settings import Settings, variable_of
from admin.operations.trust import trust
from governance.kernel.errors import Conflict, DependencyUnavailable, Invalid, message
from governance.permissions import Permission

NO_MIGRATION_URL = message(
    "migrate.no_owner",
    ja="{name} が設定されていないため、表を変更できません。",
    en="{name} is not set, so the tables cannot be changed.",
    hint_ja="表の所有者の役割で接続する URL を設定してください。同梱の PostgreSQL は moyai up が移行します。",
    hint_en="Set it to the database as the role that owns the tables; `moyai up` migrates the embedded PostgreSQL.",
)
UNREACHABLE = message(
    "migrate.unreachable",
    ja="{name} の PostgreSQL で移行できませんでした。表は元のままです（{answer}）。",
    en="PostgreSQL at {name} did not let the migration through; the tables are as they were ({answer}).",
    hint_ja="サーバーの状態、役割、空き容量を確かめて、もう一度実行してください。",
    hint_en="Check the server, the role and the free space, then run it again.",
)
DISK_FULL = message(
    "migrate.disk_full",
    ja="PostgreSQL のディスクがいっぱいで移行できませんでした。表は元のままです。",
    en="PostgreSQL's disk is full, so the migration was not made; the tables are as they were.",
    hint_ja="空き容量を増やして、もう一度 moyai migrate を実行してください。",
    hint_en="Free some space, then run `moyai migrate` again.",
)
# SQLSTATE, PostgreSQL's appendix A.
_DISK_FULL_STATE = "53100"
_NO_RIGHT_STATE = "42501"


@click.command("web", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@handle_errors
def web() -> None:
    """画面と API を提供する / Serve pages and API until SIGTERM or Ctrl-C.

    The settings, the keys, the database with its schema and the address are checked first; then this process becomes
    the web server.
    """
    settings = Settings.from_environment(os.environ)
    refuse_root(settings)
    trust(settings)
    _ = settings.session_secret
    backend_keys(settings)
    check_database(settings)
    if settings.database_url_given is not None:
        check_tenant_role(settings)
    check_pooling(settings)
    check_schema(settings)
    service = services.web(settings)
    for port in service.ports:
        require_free(service.address, port)
    service.remove_stale_files()
    command = service.command()
    sys.stderr.flush()
    os.execve(command[0], command, dict(service.environment))  # noqa: S606 - no shell between: that is the point


@click.command("migrate", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@as_json_option
@handle_errors
def migrate(as_json: bool) -> None:
    """表を最新の版にする / Bring the database to the newest schema, as MOYAI_MIGRATION_URL; safe to repeat.

    One at a time works; others wait for it and then find nothing to do. An interrupted migration leaves the tables as
    they were.
    """
    from admin.migrations.apply import migrate_url

    settings = Settings.from_environment(os.environ)
    refuse_root(settings)
    name = variable_of("migration_url_given")
    trust(settings)
    if settings.owner_url is None or settings.database_url_given is None:
        raise Invalid(NO_MIGRATION_URL, field=name, name=name)
    try:
        migrated = migrate_url(
            settings.owner_url,
            waiting=lambda: click.echo(
                "別の移行が終わるのを待っています / waiting for another migration to end", err=True
            ),
        )
    except (OperationalError, ProgrammingError) as failure:
        state = getattr(failure.orig, "sqlstate", None)
        if state == _DISK_FULL_STATE:
            raise Conflict(DISK_FULL) from failure
        if isinstance(failure, ProgrammingError) and state != _NO_RIGHT_STATE:
            raise
        answer = str(failure.orig).strip().splitlines()[0][:200] if str(failure.orig).strip() else "?"
        raise DependencyUnavailable(UNREACHABLE, field=name, name=name, answer=answer) from failure
    if as_json:
        print_json({"before": migrated.before, "after": migrated.after, "waited": migrated.waited})
    else:
        click.echo(f"表の版 / schema: {migrated.before or '―'} → {migrated.after}")
