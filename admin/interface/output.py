"""How every command answers: one JSON object on standard output, words on standard error, an exit code that says why.

0 done, holds, in sync · 1 refused, differs, does not hold · 2 wrong usage or invalid input, the field named · 3 a
needed server cannot be reached. Scripts rely on these.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from pydantic import ValidationError

from admin.core.errors import wrong_order
from governance.kernel.errors import Invalid, Refused, Unreachable

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def answering(
    deed: Callable[Parameters, Answer], *, json_to_error_stream: bool = False
) -> Callable[Parameters, Answer]:
    """Turn a refusal raised by a command's body into its message and exit code. A bug stays a traceback.

    An order that does not take what was typed is a refusal, too. With `--json` the refusal is the one object on
    standard output; `json_to_error_stream` is for commands whose standard output holds a result or nothing.
    """

    @functools.wraps(deed)
    def answered(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        try:
            return deed(*args, **kwargs)
        except ValidationError as wrong:
            refusal: Refused = wrong_order(wrong)
        except Refused as refused:
            refusal = refused
        context = click.get_current_context()
        _refuse(refusal, context, bool(context.params.get("as_json")), json_to_error_stream)

    return answered


def print_json(answer: dict[str, Any]) -> None:
    """One object on standard output, in UTF-8 whatever the locale, so that the same answer is the same bytes."""
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2).encode())


def exit_code(refusal: Refused) -> int:
    """The exit code of a refusal, as the contract of the command line has it."""
    if isinstance(refusal, Invalid):
        return 2
    return 3 if isinstance(refusal, Unreachable) else 1


def as_error(refusal: Refused) -> dict[str, Any]:
    """`{"error": {"code", "message", "field"?, "hint"?}}`."""
    error = {"code": refusal.code, "message": f"{refusal.message('ja')} / {refusal.message('en')}"}
    if refusal.field is not None:
        error["field"] = refusal.field
    if refusal.hint("ja"):
        error["hint"] = f"{refusal.hint('ja')} / {refusal.hint('en')}"
    return {"error": error}


def answer_usage_error(error: click.UsageError, *, as_json: bool) -> int:
    """Tell of a wrong option or argument as every refusal is told, naming it as the field; the exit code is 2."""
    if not as_json:
        error.show()
        return 2
    parameter = error.param if isinstance(error, click.BadParameter) else None
    named = parameter.name if parameter is not None else getattr(error, "option_name", None)
    answer = {"code": "usage", "message": error.format_message()}
    if named:
        answer["field"] = str(named)
    print_json({"error": answer})
    return 2


def _refuse(refusal: Refused, context: click.Context, as_json: bool, json_to_error_stream: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps(as_error(refusal), ensure_ascii=False).encode(), err=json_to_error_stream)
    else:
        where = f"{refusal.field}: " if refusal.field is not None else ""
        for language in ("ja", "en"):
            click.echo(f"{where}{refusal.message(language)} {refusal.hint(language)}".rstrip(), err=True)
    context.exit(exit_code(refusal))
