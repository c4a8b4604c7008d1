"""`moyai rule`: what its declarations do not give, a rule as sentences, sentences as a rule, and what differs.

These read files and need no database.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Final

import click

from admin.features.rules.api import routes
from admin.features.rules.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group
from admin.interface.output import handle_errors, print_answer, print_json, print_model, rows
from admin.interface.permitted import PermittedCommand
from billing.allocation.staged_case import StagedFile
from governance.kernel.errors import Invalid, Language, message, require_found
from governance.kernel.labels import Label
from governance.kernel.strict_json import read_json
from governance.permissions import Permission
from governance.rules.comparison import compare_rules
from governance.rules.sentences import parse, render
from governance.rules.stages import StagedRule, read_staged_rule
from governance.rules.templates import rule_templates

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

MAX_BYTES: Final = 2**20

TOO_LARGE = message(
    "rule.file_too_large",
    ja="規程は {most} バイト以下にしてください。",
    en="A rule may have at most {most} bytes.",
)
NAMES = message(
    "rule.names",
    ja='団体の名称は {{"431001": "熊本市"}} の形の JSON で指定してください。',
    en='Give the members\' names as JSON, such as {{"431001": "熊本市"}}.',
)
NOT_TEXT = message(
    "rule.not_text",
    ja="文は BOM のない UTF-8 で保存してください。",
    en="The text must be UTF-8 without a byte order mark.",
)

rule = command_group("rule", "負担金算定規程 / Rules and the decisions that adopt them.", ENTRY_POINTS, routes.queries)

_language = click.option(
    "--language", type=click.Choice(["ja", "en"]), default="ja", show_default=True, help="The language of the text."
)
_names = click.option(
    "--names", type=click.File("rb"), metavar="FILE", help='The members\' names as JSON: {"431001": "熊本市"}.'
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


def _file(option: str, name: str, help_text: str) -> Decorator:
    return click.option(option, name, type=click.File("rb"), required=True, metavar="FILE|-", help=help_text)


def _content(source: BinaryIO, option: str) -> bytes:
    content = source.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Invalid(TOO_LARGE, field=option, most=MAX_BYTES)
    return content


def _names_of(source: BinaryIO | None) -> dict[str, str]:
    if source is None:
        return {}
    given = read_json(_content(source, "--names"))
    if not isinstance(given, dict) or not all(isinstance(name, str) and name for name in given.values()):
        raise Invalid(NAMES, field="--names")
    return given


@rule.command("render", cls=PermittedCommand, permission=Permission.ALLOCATION_COMPUTE)
@_file("--input", "source", "The body of the rule as JSON; - reads standard input.")
@_language
@_names
@_json
@handle_errors
def render_rule(source: BinaryIO, language: Language, names: BinaryIO | None, as_json: bool) -> None:
    """規程を文にする / Write a rule of stages as sentences."""
    body = read_staged_rule(read_json(_content(source, "--input")))
    text = render(body, language, _names_of(names))
    if as_json:
        print_json({"text": text, "digest": body.digest})
    else:
        click.echo(text)


@rule.command("parse", cls=PermittedCommand, permission=Permission.ALLOCATION_COMPUTE)
@_file("--input", "source", "The sentences, in UTF-8; - reads standard input.")
@_language
@_names
@click.option("--json", "as_json", is_flag=True, help="Also say a refusal as JSON, on standard error.")
@partial(handle_errors, json_to_stderr=True)
def parse_rule(source: BinaryIO, language: Language, names: BinaryIO | None, as_json: bool) -> None:
    """文を規程にする / Read sentences as the body of a rule: one JSON object with the rule and its digest."""
    try:
        text = _content(source, "--input").decode()
    except UnicodeDecodeError:
        raise Invalid(NOT_TEXT, field="--input") from None
    body = parse(text, language, _names_of(names))
    print_json({"rule": body.canonical(), "digest": body.digest})


@rule.command("templates", cls=PermittedCommand, permission=Permission.ALLOCATION_COMPUTE)
@click.argument("template_id", metavar="[TEMPLATE]", required=False)
@_json
@handle_errors
def templates(template_id: str | None, as_json: bool) -> None:
    """公表された規程のひな形 / Published rules as templates, each with its source; or one of them with its body."""
    if template_id is None:
        print_answer(rows("templates", rule_templates(), lambda one: f"{one.id}  {one.title.ja}"), as_json)
        return
    found = next((one for one in rule_templates() if one.id == template_id), None)
    print_model(require_found(found, what=Label("ひな形", "template"), given=template_id, field="TEMPLATE"), as_json)


@rule.command("schema", cls=PermittedCommand, permission=Permission.ALLOCATION_COMPUTE)
@click.argument("of", type=click.Choice(["rule", "case"]), default="rule")
@_json
@handle_errors
def schema(of: str, as_json: bool) -> None:
    """規程の JSON Schema / The JSON Schema of a rule of stages, or of a case: always one JSON object."""
    print_json((StagedRule if of == "rule" else StagedFile).model_json_schema(by_alias=True))


@rule.command("compare", cls=PermittedCommand, permission=Permission.ALLOCATION_COMPUTE)
@_file("--before", "before", "The earlier rule as JSON.")
@_file("--after", "after", "The later rule as JSON.")
@_language
@_names
@_json
@handle_errors
def compare(before: BinaryIO, after: BinaryIO, language: Language, names: BinaryIO | None, as_json: bool) -> None:
    """二つの規程を比べる / What differs between two rules, field by field, with the sentences side by side.

    Exit code 1 where they differ.
    """
    earlier = read_staged_rule(read_json(_content(before, "--before")), root="before")
    later = read_staged_rule(read_json(_content(after, "--after")), root="after")
    found = compare_rules(earlier, later, language, _names_of(names))
    if as_json:
        print_model(found, as_json=True)
    for change in () if as_json else found.changes:
        click.echo(f"{change.id or 'rule'}: {change.kind}")
        for field in change.fields:
            click.echo(f"  {field.field}: {field.before} → {field.after}")
        for mark, sentence in (("-", change.sentence_before), ("+", change.sentence_after)):
            if sentence:
                click.echo(f"  {mark} {sentence}")
    if found.changes:
        click.get_current_context().exit(1)
