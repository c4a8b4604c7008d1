"""What the commands about tenants have in common: a day, a quota and a code on the command line, and a short answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import click
from pydantic import Field
from sqlalchemy.orm import Session

from admin.interface.output import print_json
from governance.commands import system_transaction
from governance.declaration import Input
from governance.kernel.codes import LocalGovernmentCode
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, message
from governance.kernel.labels import Label
from tenancy import directory

as_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


def output_option(default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--output`, the file that a command writes; `default` is its name in the present folder."""
    return click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path(default),
        show_default=True,
        help="The file to write.",
    )


UNLIMITED: Final = "unlimited"

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


TenantParam = Annotated[str, Field(max_length=36), Input("団体", "Tenant", hint=Label("", "Its id or its code"))]
"""A tenant in a query, for `find_tenant`."""


class DateParam(click.ParamType[date]):
    """A day as 2025-04-01."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return datetime.strptime(value, "%Y-%m-%d").date()
        except ValueError:
            self.fail(f"{value!r} is not a date in the form 2025-04-01", param, ctx)


def find_tenant(session: Session, code: str, *, field: str = "CODE") -> directory.TenantFacts:
    """The tenant of this code, or of this id: unions, companies and associates may have no code.

    Raises Invalid for what is neither, NotFound where there is no such tenant.
    """
    name = tenant_name(code, field=field)
    if _ID.fullmatch(name):
        return directory.tenant_by_id(session, UUID(name))
    return directory.tenant_by_code(session, name)


def tenant_name(text: str, *, field: str = "CODE") -> str:
    """The id or the six digits of the code that name a tenant. Raises Invalid for what is neither."""
    return text if _ID.fullmatch(text) else LocalGovernmentCode.parse(text, field=field).digits


def find_tenant_id(code: str, *, field: str = "CODE") -> UUID:
    """The id of the tenant that is named as for `find_tenant`, which says what is raised."""
    with system_transaction(OPERATOR) as session:
        return find_tenant(session, code, field=field).id


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """The answer as one object, or a line for each of its facts that has a value."""
    if as_json:
        print_json(result)
        return
    for key, value in result.items():
        if value is not None or key == "value":
            click.echo(f"{key}: {UNLIMITED if value is None else value}")


FILE_EXISTS = message(
    "cli.file_exists",
    ja="{path} はすでにあります。",
    en="{path} already exists.",
    hint_ja="別の名前を --output で指定してください。",
    hint_en="Give another name with --output.",
)


def write_new(path: Path, content: bytes) -> str:
    """Write a file that is not there yet; answers its path. Raises Conflict for one that is."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise Conflict(FILE_EXISTS, field="--output", path=str(path)) from None
    return str(path)
