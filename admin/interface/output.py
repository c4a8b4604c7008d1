"""How every command answers: one JSON object on standard output, words on standard error, an exit code that says why.

0 done, holds, in sync · 1 refused, differs, does not hold · 2 wrong usage or invalid input, the field named · 3 a
needed server cannot be reached. Scripts rely on these.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from governance.declaration import InvalidCommand
from governance.kernel.errors import DependencyUnavailable, DomainError, Invalid

Parameters = ParamSpec("Parameters")
ReturnT = TypeVar("ReturnT")
ModelT = TypeVar("ModelT", bound=BaseModel)


def handle_errors(
    function: Callable[Parameters, ReturnT], *, json_to_stderr: bool = False
) -> Callable[Parameters, ReturnT]:
    """Turn a refusal raised by a command's body into its message and exit code. A bug stays a traceback.

    With `--json` the refusal is the one object on standard output; `json_to_stderr` is for commands whose standard
    output holds a result or nothing.
    """

    @functools.wraps(function)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> ReturnT:
        try:
            return function(*args, **kwargs)
        except DomainError as refusal:
            context = click.get_current_context()
            _report(refusal, context, bool(context.params.get("as_json")), json_to_stderr)

    return wrapper


def print_json(result: Mapping[str, Any] | BaseModel) -> None:
    """One object on standard output, in UTF-8 whatever the locale, so that the same answer is the same bytes.

    Read models, ids, dates and instants in it are written as the API writes them.
    """
    click.echo(json.dumps(to_jsonable_python(result), ensure_ascii=False, indent=2).encode())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command prints: `json` is the one object of `--json`, `lines` what people read without it.

    `more` says on standard error, without `--json`, how a list that has more rows is read on.
    """

    json: BaseModel | Mapping[str, Any]
    lines: Iterable[str]
    more: str | None = None


def rows(name: str, models: Sequence[ModelT], line: Callable[[ModelT], str]) -> Answer:
    """Read models as `{name: [model, …]}`, or the `line` of each."""
    return Answer({name: models}, map(line, models))


def print_answer(answer: Answer | BaseModel, as_json: bool) -> None:
    """Print an answer; a read model alone as one object, or a line `name: value` for each field that has a value."""
    if isinstance(answer, BaseModel):
        print_model(answer, as_json)
    elif as_json:
        print_json(answer.json)
    else:
        for line in answer.lines:
            click.echo(line)
        if answer.more is not None:
            click.echo(answer.more, err=True)


def print_model(model: BaseModel, as_json: bool) -> None:
    """A read model as one JSON object, or a line `name: value` for each of its fields that has a value."""
    if as_json:
        print_json(model)
        return
    for name, value in model.model_dump(mode="json").items():
        if value is not None:
            click.echo(f"{name}: {value}")


def tab_separated(*names: str) -> Callable[[BaseModel], str]:
    """The line of a read model that has these fields between tabs, ― for None."""

    def line(model: BaseModel) -> str:
        values = to_jsonable_python([getattr(model, name) for name in names])
        return "\t".join("―" if value is None else str(value) for value in values)

    return line


def exit_code(refusal: DomainError) -> int:
    """The exit code of a refusal, as the contract of the command line has it."""
    if isinstance(refusal, Invalid):
        return 2
    return 3 if isinstance(refusal, DependencyUnavailable) else 1


def error_json(refusal: DomainError) -> dict[str, Any]:
    """`{"error": {"code", "message", "field"?, "hint"?}}`."""
    error: dict[str, Any] = {"code": refusal.code, "message": f"{refusal.text('ja')} / {refusal.text('en')}"}
    if refusal.field is not None:
        error["field"] = refusal.field
    if refusal.hint("ja"):
        error["hint"] = f"{refusal.hint('ja')} / {refusal.hint('en')}"
    if isinstance(refusal, InvalidCommand) and len(refusal.errors) > 1:
        error["errors"] = [
            {"field": e.field, "code": e.code, "message": f"{e.text('ja')} / {e.text('en')}"} for e in refusal.errors
        ]
    return {"error": error}


def report_usage_error(error: click.UsageError, *, as_json: bool) -> int:
    """Tell of a wrong option or argument as every refusal is told, naming it as the field; the exit code is 2."""
    if not as_json:
        error.show()
        return 2
    parameter = error.param if isinstance(error, click.BadParameter) else None
    named = parameter.name if parameter is not None else getattr(error, "option_name", None)
    result = {"code": "usage", "message": error.format_message()}
    if named:
        result["field"] = str(named)
    print_json({"error": result})
    return 2


def _report(refusal: DomainError, context: click.Context, as_json: bool, json_to_stderr: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps(error_json(refusal), ensure_ascii=False).encode(), err=json_to_stderr)
    else:
        for one in refusal.errors if isinstance(refusal, InvalidCommand) else (refusal,):
            where = f"{one.field}: " if one.field is not None else ""
            for language in ("ja", "en"):
                click.echo(f"{where}{one.text(language)} {one.hint(language)}".rstrip(), err=True)
    context.exit(exit_code(refusal))
