"""The command line of commands, derived from their entry points: arguments, options, key, answer.

A group is made with `command_group`; commands that read are added to it with `query`. What a person types is read by
the fields' types; an error names the option or argument that was typed. How a command reaches Moyai is the transport's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, BinaryIO, Final, TypeVar

import click
from pydantic import BaseModel

from admin.interface.api_routes import ApiRoutes
from admin.interface.cli_context import app_context
from admin.interface.entry_points import EntryPoint
from admin.interface.output import Answer, handle_errors, print_answer, tab_separated
from admin.interface.paging import page_options
from admin.interface.param_types import as_json_option, print_result
from admin.interface.permitted import PermittedCommand
from admin.interface.queries import DeclaredQuery, QueryCli, argument_name
from admin.interface.transports import JsonOnly, transport_in_force
from governance.commands import system_transaction
from governance.declaration import DeclaredField, declared_field, read_command
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DomainError, Invalid, message
from governance.kernel.field_type import Control
from governance.kernel.field_types import ID, NOT_AN_ID, PLAIN_TEXT
from governance.kernel.ids import new_id
from governance.kernel.strict_json import read_json
from governance.kernel.yen import printable
from governance.permissions import Permission

MAX_FILE_BYTES: Final = 2**20
FILE_TOO_LARGE: Final = message(
    "cli.file_too_large",
    ja="ファイルは {most} バイト以下にしてください。",
    en="The file may have at most {most} bytes.",
)
NOT_UTF8: Final = message(
    "cli.not_utf8", ja="ファイルを UTF-8 として読めません。", en="The file cannot be read as UTF-8."
)

_TENANTS: Final = frozenset({"tenant_id", "tenant_ids"})
"""Fields that refer to tenants, each typed as its code or id."""
_FORMER: Final = "former__"


QueryT = TypeVar("QueryT", bound=Callable[..., Answer | BaseModel])


class CommandGroup(click.Group):
    """A group of `moyai`, to which `query` adds commands that read."""

    def query(self, name: str, permission: Permission) -> Callable[[QueryT], QueryT]:
        """Add a command that reads; `--json` comes with it.

        The function is called with a session that sees all tenants and with what was typed. It returns what is
        printed. Its docstring is the help text.
        """

        def add(function: QueryT) -> QueryT:
            @wraps(function)
            def callback(*, as_json: bool, **typed: Any) -> None:
                with spelled(), app_context(), system_transaction(OPERATOR) as session:
                    found = function(session, **typed)
                print_answer(found, as_json)

            decorate = self.command(name, cls=PermittedCommand, permission=permission)
            decorate(as_json_option(handle_errors(callback)))
            return function

        return add


def command_group(
    name: str, help_text: str, entry_points: Iterable[EntryPoint] = (), queries: Iterable[DeclaredQuery] = ()
) -> CommandGroup:
    """A group with the commands of those entry points and queries whose path begins with its name."""
    group = CommandGroup(name, help=help_text)
    for entry_point in entry_points:
        if entry_point.cli is not None and entry_point.cli.group == name:
            group.add_command(derive_command(entry_point))
    for query in queries:
        if query.cli is not None and query.cli.path.startswith(f"{name} "):
            group.add_command(derive_query(query))
    return group


def derive(name: str, help_text: str, routes: ApiRoutes) -> click.Command:
    """The top-level command of this name that a feature declares: a query's, or else the group of its commands."""
    for query in routes.queries:
        if query.cli is not None and query.cli.path == name:
            return derive_query(query)
    return command_group(name, help_text, routes.entry_points, routes.queries)


def derive_query(query: DeclaredQuery) -> click.Command:
    """The click command of a query: positional arguments, an option a filter, `--json`."""
    cli = query.cli
    if cli is None:
        raise ValueError(f"{query.name} has no command line")
    fields: dict[str, str] = {}
    arguments = {argument_name(part, kind): part for part, kind in query.parts.items()}
    params: list[click.Parameter] = [
        click.Argument([name], type=click.UUID if name.endswith("_id") else None) for name in arguments
    ]
    for one in query.filters:
        if one.name in cli.arguments:
            name = "code" if one.name == "tenant" else one.name
            fields[name] = one.name
            params.append(click.Argument([name], type=_choice(one), required=one.is_required))
        else:
            params.append(_option(one, is_required=one.is_required))

    def callback(*, as_json: bool, **typed: Any) -> None:
        limit, after = (typed.pop("limit"), typed.pop("after")) if query.is_long else (None, None)
        parts = {part: typed.pop(name) for name, part in arguments.items()}
        values = {fields.get(name, name): str(value) for name, value in typed.items() if value is not None}
        values |= cli.fixed
        with spelled(), transport_in_force() as transport:
            found = transport.answer(query, parts, values, limit=limit, after=after)
            asked = dict(query.read(values) or ())
            if "code" in cli.repeats:
                asked["code"] = transport.tenant_code(parts["tenant"])
        print_answer(_answer(query, cli, found, asked), as_json)
        if cli.holds is not None:
            click.get_current_context().exit(0 if cli.holds(found) else 1)

    made = PermittedCommand(
        cli.path.rpartition(" ")[2],
        permission=query.permission,
        callback=handle_errors(callback),
        params=params,
        help="\n".join((f"{cli.ja} / {query.summary}", query.details)),
    )
    if query.is_long:
        made.params += page_options(cli.limit)
    as_json_option(made)
    return made


def _ids(fields: Iterable[DeclaredField], texts: Mapping[str, Any]) -> dict[str, Any]:
    """The ids among what was typed, by which a record is found. Raises Invalid for a text that is none."""
    found = {}
    for one in fields:
        if one.field_type is ID and one.name in texts:
            try:
                found[one.name] = ID.read(texts[one.name])
            except Invalid:
                raise Invalid(NOT_AN_ID, field=one.name, given=printable(texts[one.name])) from None
    return found


def _answer(query: DeclaredQuery, cli: QueryCli, found: Any, asked: Mapping[str, Any]) -> Answer | BaseModel:
    """What is printed of what a query found."""
    if isinstance(found, JsonOnly):
        return Answer(found, [json.dumps(found.root, ensure_ascii=False, indent=2)])
    line = cli.line if callable(cli.line) else tab_separated(*cli.line.split())
    note = None if cli.note is None else cli.note(found)
    if query.page is None:
        answered: BaseModel = found
        return Answer(found, filter(None, [line(found)]), note) if cli.line else answered
    beside = {name: asked[name] for name in cli.repeats}
    if not query.is_long:
        return Answer({**beside, cli.rows: found.items}, map(line, found.items), note)
    if found.next_cursor is not None:
        note = f"続きがあります / more: --after {found.next_cursor}"
    return Answer({**beside, cli.rows: found.items, "next_cursor": found.next_cursor}, map(line, found.items), note)


def derive_command(entry_point: EntryPoint) -> click.Command:
    """The click command of an entry point: positional arguments, an option a field, `--key` and `--json`.

    Where the entry point has a record, an option that is not given stands for the record's value, and `--clear` for
    null.
    """
    address = entry_point.cli
    if address is None:
        raise ValueError(f"{entry_point.handler.name} has no command line")
    record = entry_point.record
    fields = entry_point.fields(without=address.arguments)
    positional = [declared_field(entry_point.command_type, name) for name in address.arguments]
    params: list[click.Parameter] = [_argument(one) for one in positional]
    for one in fields:
        params.append(_option(one, is_required=one.is_required and record is None))
        params += [
            click.Option(
                [f"--{former}", f"{_FORMER}{one.name}"],
                hidden=True,
                multiple=one.is_list or one.is_map,
                type=(str, str) if one.is_map else None,
            )
            for former in one.input.former
        ]
    clearable = {name: one.name for one in fields if one.is_optional for name in (one.option[2:], *one.input.former)}
    if record is not None and clearable:
        choice = click.Choice(list(clearable))
        params.append(click.Option(["--clear"], multiple=True, type=choice, help="空にする項目 / Empty this field."))
    params.append(
        click.Option(["--key"], help="同じ依頼を一度だけ行うためのキー / Idempotency key: the same key counts once.")
    )

    def callback(**typed: Any) -> None:
        as_json, key = typed.pop("as_json"), typed.pop("key") or str(new_id())
        with spelled(), transport_in_force() as transport:
            texts = _texts([*positional, *fields], typed, has_record=record is not None)
            for cleared in typed.get("clear", ()):
                if clearable[cleared] in texts:
                    raise click.BadOptionUsage("--clear", f"--{cleared} is given and cleared at the same time")
                texts[clearable[cleared]] = None
            given: dict[str, Any] = {}
            for name in _TENANTS & texts.keys():
                codes = texts.pop(name)
                is_one = not isinstance(codes, list)
                ids = [transport.tenant_id(code, field=name) for code in ([codes] if is_one else codes)]
                given[name] = ids[0] if is_one else ids
            if record is not None:
                texts = {**transport.record(entry_point, given | _ids(positional, texts)), **texts}
            command = read_command(entry_point.command_type, texts, typed=True, given=given)
            result = transport.execute(entry_point, command, key)
        click.echo(f"key: {key}", err=True)
        print_result(result.model_dump(mode="json"), as_json)

    hints = [f"{_metavar(one)}: {one.input.hint.en}" for one in positional if one.input.hint and one.input.hint.en]
    made = PermittedCommand(
        address.name,
        permission=entry_point.handler.permission,
        callback=handle_errors(callback),
        params=params,
        help="\n\n".join([f"{entry_point.label.ja} / {entry_point.label.en}.", *hints]),
    )
    as_json_option(made)
    return made


def _metavar(one: DeclaredField) -> str:
    return "CODE" if one.name in _TENANTS else one.name.upper()


def _argument(one: DeclaredField) -> click.Argument:
    kind = click.File("rb") if one.is_file else _choice(one)
    return click.Argument([one.name], type=kind, metavar="FILE|-" if one.is_file else _metavar(one))


def _option(one: DeclaredField, *, is_required: bool) -> click.Option:
    name = one.option
    required = is_required and not one.input.former
    words = ". ".join(text for text in (f"{one.input.ja} / {one.input.en}", one.hint.en) if text)
    if one.control is Control.YES_NO:
        return click.Option([f"{name}/--no-{name[2:]}", one.name], default=None, help=words)
    if one.is_file:
        return click.Option([name, one.name], type=click.File("rb"), metavar="FILE|-", required=required, help=words)
    if one.is_map:
        return click.Option([name, one.name], type=(str, str), multiple=True, required=required, help=words)
    return click.Option(
        [name, one.name],
        type=_choice(one),
        metavar=_metavar(one) if one.name in _TENANTS else None,
        multiple=one.is_list,
        required=required and not one.is_list,
        help=words,
    )


def _choice(one: DeclaredField) -> click.ParamType[Any] | None:
    return None if one.enum is None else click.Choice([str(member.value) for member in one.enum])


def _texts(fields: Iterable[DeclaredField], typed: Mapping[str, Any], *, has_record: bool) -> dict[str, Any]:
    """The typed texts by field. A former option is taken with a notice; what was not given is left out."""
    texts: dict[str, Any] = {}
    for one in fields:
        value = typed.get(one.name)
        former = typed.get(f"{_FORMER}{one.name}")
        if former:
            click.echo(f"--{one.input.former[0]} → {one.option}", err=True)
            value = former
        if value is None or value == ():
            # A field that allows null and has no default is null where it was not given.
            if one.is_optional and one.info.is_required() and not has_record:
                texts[one.name] = None
        elif one.is_file:
            texts[one.name] = _file(one, value)
        elif one.is_map:
            texts[one.name] = dict(value)
        elif one.is_list:
            texts[one.name] = list(value)
        else:
            texts[one.name] = value
    return texts


def _file(one: DeclaredField, source: Any) -> Any:
    content = read_file(source, field=one.name)
    if one.is_map or (isinstance(one.info.annotation, type) and issubclass(one.info.annotation, BaseModel)):
        return read_json(content)
    try:
        if one.field_type.name == PLAIN_TEXT.name:
            # Paragraphs are kept byte for byte: their SHA-256 is what was signed.
            return content.decode()
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Invalid(NOT_UTF8, field=one.name) from None


def read_file(source: BinaryIO, *, field: str, most: int = MAX_FILE_BYTES) -> bytes:
    """The whole of a file that was named on the command line. Raises Invalid when it is longer than `most` bytes."""
    content = source.read(most + 1)
    if len(content) > most:
        raise Invalid(FILE_TOO_LARGE, field=field, most=most)
    return content


@contextmanager
def spelled(*, default: str | None = None) -> Iterator[None]:
    """What is refused meanwhile names the option or argument that was typed: `--yen`, `FISCAL_YEAR`, `CODE`.

    `default` is what an Invalid is about that names no field.
    """
    try:
        yield
    except DomainError as refusal:
        if refusal.field is None and isinstance(refusal, Invalid):
            raise refusal.at(default) from refusal
        raise refusal.renamed(_typed_name) from refusal


def _typed_name(field: str) -> str:
    """The option or argument of the running command that fills this field; the field itself where none does."""
    root, dot, rest = field.partition(".")
    params = {param.name: param for param in click.get_current_context().command.params}
    param = params.get(root) or (params.get("code") if root == "tenant" else None)
    if param is None:
        return field
    name = param.opts[0] if isinstance(param, click.Option) else param.human_readable_name.removesuffix("|-")
    return name + dot + rest
