"""`moyai tenant`: who takes part, from the operator's own machine."""

from __future__ import annotations

from datetime import date
from typing import Any, BinaryIO

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import DateParam, as_json_option, find_tenant, find_tenant_id, print_result
from governance.agreements.queries import acceptance_in_force
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR
from tenancy import directory
from tenancy.people.queries import members
from tenancy.quotas.queries import plan_in_force, quotas_in_force
from tenancy.tenants import queries
from tenancy.tenants.commands import (
    ChangeTenantState,
    ImportTenants,
    RegisterTenant,
    change_tenant_state,
    import_tenants,
    preview_import,
    register_tenant,
)
from tenancy.tenants.importing import ImportRefused, ImportVerdict
from tenancy.tenants.municipality_file import MAX_BYTES
from tenancy.tenants.states import StatisticKind, TenantKind, TenantState


@click.group()
def tenant() -> None:
    """参加団体 / Tenants."""


@tenant.command("list")
@click.option("--state", type=click.Choice([state.value for state in TenantState]), help="Only tenants in this state.")
@click.option("--cohort", help="Only tenants of this cohort.")
@as_json_option
@handle_errors
def list_tenants(state: str | None, cohort: str | None, as_json: bool) -> None:
    """参加団体の一覧 / All participating tenants, by code. For the operator, use `tenant show`."""
    with app_context(), system_transaction(OPERATOR) as session:
        found_rows = queries.tenants(session, state=None if state is None else TenantState(state), cohort=cohort)
        rows = [row for row in found_rows if not row.is_operator]
        known = directory.tenants_by_id(session, [row.id for row in rows])
        found = [_summary(known[row.id]) for row in rows]
    if as_json:
        print_json({"tenants": found})
        return
    for row in found:
        cohort_words = f"  [{row['cohort']}]" if row["cohort"] else ""
        click.echo(f"{row['code'] or '------'}  {row['state']:<12}  {row['name']}{cohort_words}")


@tenant.command("show")
@click.argument("code")
@as_json_option
@handle_errors
def show_tenant(code: str, as_json: bool) -> None:
    """団体を 1 つ見る / One tenant: statistics, people, quotas, acceptance, state changes."""
    with app_context(), system_transaction(OPERATOR) as session:
        facts = find_tenant(session, code)
        accepted = acceptance_in_force(session, facts.id, clock.today())
        plan = plan_in_force(session, facts.id, clock.today())
        details = _summary(facts) | {
            "version": queries.tenant(session, facts.id).version,
            "statistics": [
                {"kind": row.kind, "value": row.value, "basis_date": row.basis_date.isoformat(), "source": row.source}
                for row in queries.statistics(session, facts.id)
            ],
            "members": len(members(session, facts.id)),
            "plan": None if plan is None else plan.name,
            "quotas": {row.dimension: row.value for row in quotas_in_force(session, facts.id, clock.today())},
            "accepted": None if accepted is None else accepted.sha256,
            "state_changes": [
                {"from": row.from_state, "to": row.to_state, "effective_on": row.effective_on.isoformat()}
                for row in queries.state_changes(session, facts.id)
            ],
        }
    if as_json:
        print_json(details)
        return
    for key, value in details.items():
        click.echo(f"{key}: {value}")


@tenant.command("register")
@click.option("--code", help="Six digits; unions, companies and associates may have none.")
@click.option("--name", required=True)
@click.option("--kana", required=True)
@click.option("--kind", required=True, type=click.Choice([kind.value for kind in TenantKind]))
@click.option("--name-en")
@click.option("--from", "valid_from", type=DateParam(), help="Planned first day of membership.")
@click.option("--cohort")
@as_json_option
@handle_errors
def register(
    code: str | None,
    name: str,
    kana: str,
    kind: str,
    name_en: str | None,
    valid_from: date | None,
    cohort: str | None,
    as_json: bool,
) -> None:
    """団体を登録する / Register an organization as an applicant."""
    command = RegisterTenant(
        code=code,
        name=name,
        kana=kana,
        kind=TenantKind(kind),
        name_en=name_en,
        valid_from=valid_from,
        cohort=cohort,
    )
    with app_context() as context:
        registered = register_tenant(command, actor=context.actor)
    print_result({"tenant_id": str(registered.tenant_id), "code": code, "name": name}, as_json)


@tenant.command("import")
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
    """CSV から団体を取り込む / Register every municipality of a CSV, or none.

    Every invalid row is reported with its line and reason. Exit code 2 when a row is invalid, with or without --check.
    """
    command = ImportTenants(
        content=source.read(MAX_BYTES + 1),
        basis_dates={StatisticKind(kind): day for kind, day in basis_dates},
        source=source_of_statistics,
        encoding=encoding,
        valid_from=valid_from,
        cohort=cohort,
    )
    with app_context() as context:
        with system_transaction(OPERATOR) as session:
            verdict = preview_import(session, command, today=clock.today())
        for row in verdict.rows:
            if row.refusal is not None:
                words = f"{row.refusal.text('ja')} / {row.refusal.text('en')}"
                click.echo(f"{row.line}: {row.code} {row.name}: {words}", err=True)
        if check:
            if as_json:
                print_json(_verdict(verdict))
            elif not verdict.refused:
                click.echo(f"{len(verdict.rows)} 行を取り込めます / {len(verdict.rows)} rows can be imported")
            if verdict.refused and not as_json:
                raise ImportRefused(verdict)
            click.get_current_context().exit(2 if verdict.refused else 0)
        imported = import_tenants(command, actor=context.actor)
    print_result({"imported": len(imported.tenant_ids), "sha256": imported.sha256}, as_json)


@tenant.command("change-state")
@click.argument("code")
@click.argument("to", type=click.Choice([state.value for state in TenantState]))
@click.option("--reason", required=True)
@click.option("--on", "effective_on", type=DateParam(), help="The day it takes effect; today if omitted.")
@as_json_option
@handle_errors
def change_state(code: str, to: str, reason: str, effective_on: date | None, as_json: bool) -> None:
    """団体の状態を進める / Change the state of a tenant."""
    with app_context() as context:
        command = ChangeTenantState(
            tenant_id=find_tenant_id(code), to=TenantState(to), reason=reason, effective_on=effective_on
        )
        changed = change_tenant_state(command, actor=context.actor)
    print_result({"code": code, "state": changed.state.value, "version": changed.version}, as_json)


def _summary(facts: directory.TenantFacts) -> dict[str, Any]:
    return {
        "id": str(facts.id),
        "code": facts.code,
        "name": facts.name,
        "kana": facts.kana,
        "name_en": facts.name_en,
        "kind": facts.kind.value,
        "state": facts.state.value,
        "is_operator": facts.is_operator,
        "cohort": facts.cohort,
        "valid_from": None if facts.valid_from is None else facts.valid_from.isoformat(),
        "valid_until": None if facts.valid_until is None else facts.valid_until.isoformat(),
    }


def _verdict(verdict: ImportVerdict) -> dict[str, Any]:
    return {
        "encoding": verdict.encoding,
        "sha256": verdict.sha256,
        "acceptable": not verdict.refused,
        "rows": [
            {"line": row.line, "code": row.code, "name": row.name, "verdict": "accepted"}
            if row.refusal is None
            else {
                "line": row.line,
                "code": row.code,
                "name": row.name,
                "verdict": "refused",
                "reason": row.refusal.code,
                "field": row.refusal.field,
                "message": f"{row.refusal.text('ja')} / {row.refusal.text('en')}",
            }
            for row in verdict.rows
        ],
    }
