"""`moyai tenant`: lists of tenants and of what is known about them, and the import of a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import click
from sqlalchemy.orm import Session

from admin.features.tenants.api import routes
from admin.features.tenants.entry_points import ENTRY_POINTS
from admin.interface.cli_context import app_context
from admin.interface.command_line import command_group
from admin.interface.file_imports import print_preview
from admin.interface.output import handle_errors
from admin.interface.param_types import (
    DateParam,
    as_json_option,
    find_tenant,
    output_option,
    print_result,
    write_new,
)
from admin.interface.permitted import PermittedCommand
from billing.notices.leaving_statement import leaving_statement, leaving_statement_pdf
from governance.agreements.queries import acceptance_in_force
from governance.commands import system_transaction
from governance.declaration import build_command
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from governance.kernel.table_file import MAX_BYTES
from governance.permissions import Permission
from tenancy.people.queries import members
from tenancy.quotas.queries import plan_in_force, quotas_in_force
from tenancy.tenants import queries
from tenancy.tenants.commands import ImportTenants, import_tenants, preview_import
from tenancy.tenants.hand_backs import hand_back_content
from tenancy.tenants.models import StateChange, StatisticFacts, TenantDetails
from tenancy.tenants.states import StatisticKind

tenant = command_group("tenant", "参加団体 / Tenants.", ENTRY_POINTS, routes.queries)


class TenantOverview(TenantDetails):
    """One tenant with its statistics, the number of its people, its quotas, acceptance and state changes."""

    statistics: tuple[StatisticFacts, ...]
    members: int
    plan: str | None
    quotas: dict[str, int | None]
    accepted: str | None
    state_changes: tuple[StateChange, ...]


@tenant.query("show", Permission.TENANT_READ)
@click.argument("code")
def show_tenant(session: Session, code: str) -> TenantOverview:
    """団体を 1 つ見る / One tenant: statistics, people, quotas, acceptance, state changes."""
    details = queries.tenant(session, find_tenant(session, code).id)
    accepted = acceptance_in_force(session, details.id, clock.today())
    plan = plan_in_force(session, details.id, clock.today())
    return TenantOverview(
        **dict(details),
        statistics=tuple(
            StatisticFacts(kind=row.kind, value=row.value, basis_date=row.basis_date, source=row.source)
            for row in queries.statistics(session, details.id)
        ),
        members=len(members(session, details.id, clock.now())),
        plan=None if plan is None else plan.name,
        quotas={row.dimension: row.value for row in quotas_in_force(session, details.id, clock.today())},
        accepted=None if accepted is None else accepted.sha256,
        state_changes=tuple(queries.state_changes(session, details.id)),
    )


@tenant.command("import", cls=PermittedCommand, permission=Permission.TENANT_IMPORT)
@click.argument("source", type=click.File("rb"), metavar="FILE|-")
@click.option("--check", is_flag=True, help="Report what would happen to each row and change nothing.")
@click.option(
    "--basis-date",
    "basis_dates",
    multiple=True,
    type=(click.Choice([kind.value for kind in StatisticKind]), DateParam()),
    help="The reference date of a statistic, as --basis-date population 2020-10-01; once for each column.",
)
@click.option("--source-of-statistics", help="Where the statistics come from, if the file does not say.")
@click.option("--encoding", type=click.Choice(["utf-8", "cp932"]), help="Detected if omitted.")
@click.option("--from", "valid_from", type=DateParam(), help="Planned first day of membership.")
@click.option("--cohort")
@as_json_option
@handle_errors
def import_file(
    source: BinaryIO,
    check: bool,
    basis_dates: tuple[tuple[str, date], ...],
    source_of_statistics: str | None,
    encoding: Any,
    valid_from: date | None,
    cohort: str | None,
    as_json: bool,
) -> None:
    """CSV か Excel から団体を取り込む / Register every municipality of a file, CSV or Excel, or none.

    Everything that is wrong is reported at once, with line, column and reason; exit code 2, with or without --check.
    `moyai tenant import-columns` lists the columns.
    """
    command = build_command(
        ImportTenants,
        content=source.read(MAX_BYTES + 1),
        basis_dates={StatisticKind(kind): day for kind, day in basis_dates},
        source=source_of_statistics,
        encoding=encoding,
        valid_from=valid_from,
        cohort=cohort,
    )
    with app_context() as context:
        if check:
            with system_transaction(OPERATOR) as session:
                preview = preview_import(session, command, today=clock.today())
            print_preview(preview, as_json=as_json)
            click.get_current_context().exit(0 if preview.accepted else 2)
        imported = import_tenants(command, actor=context.actor)
    print_result({"imported": len(imported.tenant_ids), "sha256": imported.sha256}, as_json)


@tenant.command("hand-back", cls=PermittedCommand, permission=Permission.HAND_BACK_READ)
@click.argument("code")
@click.argument("hand_back_id", type=click.UUID)
@output_option("hand-back.zip")
@as_json_option
@handle_errors
def hand_back(code: str, hand_back_id: UUID, output: Path, as_json: bool) -> None:
    """引渡しデータを ZIP で取り出す / Write the archive of a tenant's records as it was made."""
    with app_context(), system_transaction(OPERATOR) as session:
        content = hand_back_content(session, find_tenant(session, code).id, hand_back_id)
    print_result({"file": write_new(output, content), "bytes": len(content)}, as_json)


@tenant.command("leaving-statement-pdf", cls=PermittedCommand, permission=Permission.NOTICE_READ)
@click.argument("code")
@output_option("leaving-statement.pdf")
@as_json_option
@handle_errors
def statement_pdf(code: str, output: Path, as_json: bool) -> None:
    """脱退に係る負担金計算書を PDF で取り出す / Write the final statement of a tenant as of today."""
    with app_context(), system_transaction(OPERATOR) as session:
        statement = leaving_statement(session, find_tenant(session, code).id, clock.today())
        content = leaving_statement_pdf(statement, clock.now())
    print_result({"file": write_new(output, content), "bytes": len(content)}, as_json)
