"""Retired words do not come back: each is refused where it is retired, as a whole word or as a segment of a name.

Former names may be quoted as texts, as `governance/former_names.py`, the root of the command line and their tests do.
The migrations of version 0.1.0 keep the names they made. What is plain English stays: told, turn, standing and carry in
prose, floor as a lower bound, carry_over. What a docstring, a comment or the changelog quotes as code is not read.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[2]
QUOTED: Final = re.compile(r"tests/upgrade/|admin/migrations/versions/000[1-6]_|tests/architecture/test_vocab")
"""Files that hold retired names as more than a quoted text."""


class Where(StrEnum):
    """A kind of name or text in which a word can be retired."""

    IDENTIFIER = "identifier"
    MODULE = "module"
    PERMISSION = "permission"
    LOG_EVENT = "log event"
    ADDRESS = "address"
    COMMAND_LINE = "command or option"
    DOCS = "docs"
    """Markdown pages, docstrings and comments."""


class Found(NamedTuple):
    """One name or line of text: what it is, where it stands, and its text."""

    where: Where
    place: str
    text: str


NAMES: Final = frozenset(Where) - {Where.DOCS}
EVERYWHERE: Final = frozenset(Where)

WORDS: Final[dict[str, frozenset[Where]]] = {
    **dict.fromkeys(("house", "houses", "room", "rooms", "door", "doors", "deed", "deeds"), EVERYWHERE),
    **dict.fromkeys(("latecomer", "latecomers", "wishes", "bookkeeping", "carrier", "carriers"), EVERYWHERE),
    **dict.fromkeys(("told", "standing", "turn", "turns", "judged"), NAMES),
    **dict.fromkeys(("floor", "floors"), NAMES),
    **dict.fromkeys(("figures", "figure", "moves", "why"), frozenset({Where.ADDRESS, Where.COMMAND_LINE})),
    **dict.fromkeys(("away", "unmarked", "unrecorded"), frozenset({Where.LOG_EVENT})),
    **dict.fromkeys(("move", "choose", "project"), frozenset({Where.PERMISSION, Where.ADDRESS, Where.COMMAND_LINE})),
}
"""Word → where no name may hold it as a segment, and no text as a whole word."""

PATTERNS: Final[dict[str, Where]] = {
    r"\w+(Shown|Judged)": Where.IDENTIFIER,
    r"_?open_\w*": Where.IDENTIFIER,
    r"\w*_MOST": Where.IDENTIFIER,
    r"_?carry(_out|_onboarding|_jobs?)?": Where.IDENTIFIER,
    r"job\.not_carried|worker\.(back|round_waits)|session\.gone_already|keys\.not_fetched": Where.LOG_EVENT,
}
"""Shapes of names that are retired, matched whole."""

OLD_IDENTIFIERS: Final = frozenset(
    re.findall(
        r"\w+",
        """
    Order Outcome Work Refused Reason REASONS KeyReused Unreachable NothingHere VersionPassed InProgress wrong_order
    answer_errors load_rooms use_carrier _carry_out _record_no _names_only _told_apart _with_core _tips _later
    begin_hot execute_hot commit_hot _as_one _TOGETHER _tell_postgresql_the_scope _refuse_dead _end_reading _whose
    Break Verdict Thing Looking SideBySide run_side_by_side RealmWalk Ensured TellDifference Ending
    ASKED_AT_ONCE ProjectMember MemberProjected project_member CohortWishes read_wishes roll_up stands_still
    count_standing_still waits_for_entry is_nothing TO_BE_ENTERED MoveTenant TenantMove TenantMoved move_tenant MOVES
    MovePeriod PeriodMoved move_period ChoosePlan PlanChosen choose_plan admitted_code _lets_through _LITERALLY
    _as_fact division_told RuledCosts INPUTS_MOVED _without_nothing _find_or_open _open_books keep_guard speak_both
    take_requests refuse_forged_forms read_place what_waits _BELONGS in_excel in_cp932 ChangedTemplates FirstPage
    Vouched SigningIn KeyRing COOL_DOWN roles_that_count standing_of come_back holds_keys NOTED_EVERY LOOK_EVERY
    left_behind clear_away _last_words birth_of KeptMail MainJob complete_accounts make_operators _go_round
    tenancy_of_tables SHARED_TABLES MACHINE_TABLES order_hash hold_idempotency_key tenant_move moved_by moved_at
        """,
    )
)
"""Names of the dictionary's left side that no word above catches."""

ALLOWED: Final[dict[Where, re.Pattern[str]]] = {
    Where.IDENTIFIER: re.compile(
        # A lower bound, `math.floor`; 前年度繰越金; opening a session or the page of sign-in.
        r"FLOOR_(TOTAL|EACH_COMPONENT)_\w+|floor|CARRY_OVER|carry_over|open_session|open_sign_in"
    ),
}
"""Names that hold a retired word in the meaning that stays."""

_SEGMENT: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_LOG_LEVELS: Final = {"debug", "info", "warning", "error", "exception", "critical"}
_ROUTES: Final = {"route", "get", "post", "query", "list", "command_route", "action_route", "download_route"}


def retired_in(found: Iterable[Found]) -> list[str]:
    """Each retired word that is found, with its place."""
    return [
        f"{one.place}: {one.where} {one.text.strip()!r} holds {word!r}"
        for one in found
        if (word := _retired_word(one.where, one.text)) is not None
    ]


@cache
def _retired_word(where: Where, text: str) -> str | None:
    allowed = ALLOWED.get(where)
    if allowed is not None and allowed.fullmatch(text):
        return None
    for segment in _SEGMENT.findall(text):
        if where in WORDS.get(segment.lower(), ()):
            return str(segment)
    if where is Where.IDENTIFIER and text in OLD_IDENTIFIERS:
        return text
    for pattern, retired_where in PATTERNS.items():
        if where is retired_where and re.fullmatch(pattern, text):
            return text
    return None


def names_of_module(path: str) -> Iterator[Found]:
    """The folders and the name of a file."""
    yield from (Found(Where.MODULE, path, part) for part in Path(path).with_suffix("").parts)


def names_in_python(path: str, source: str) -> Iterator[Found]:
    """Identifiers, comments, docstrings, log events, addresses, command lines. A test's own name is a sentence."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        place = f"{path}:{token.start[0]}"
        if token.type == tokenize.NAME and not token.string.startswith("test_"):
            yield Found(Where.IDENTIFIER, place, token.string)
        elif token.type == tokenize.COMMENT:
            yield Found(Where.DOCS, place, _without_code(token.string))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for number, line in enumerate(_without_code(node.value.value).splitlines()):
                yield Found(Where.DOCS, f"{path}:{node.lineno + number}", line)
        elif isinstance(node, ast.Call):
            yield from _names_in_call(path, node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__tablename__":
            yield Found(Where.IDENTIFIER, f"{path}:{node.lineno}", ast.literal_eval(node.value))


def _names_in_call(path: str, call: ast.Call) -> Iterator[Found]:
    texts = [one.value for one in call.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if isinstance(call.func, ast.Name) and call.func.id in {"cli", "cli_query"}:
        yield from (Found(Where.COMMAND_LINE, f"{path}:{call.lineno}", text) for text in texts[:1])
    if not isinstance(call.func, ast.Attribute):
        return
    if call.func.attr in _LOG_LEVELS:
        yield from (Found(Where.LOG_EVENT, f"{path}:{call.lineno}", text) for text in texts[:1])
    elif call.func.attr in _ROUTES:
        found = (Found(Where.ADDRESS, f"{path}:{call.lineno}", text) for text in texts if text.startswith("/"))
        yield from found
    elif call.func.attr in {"command", "group", "option", "argument"}:
        yield from (Found(Where.COMMAND_LINE, f"{path}:{call.lineno}", text) for text in texts)


def names_in_permissions(path: str, source: str) -> Iterator[Found]:
    """The values of the enum `Permission`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name == "Permission":
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
                    yield Found(Where.PERMISSION, f"{path}:{line.lineno}", str(line.value.value))


def names_in_text(path: str, text: str) -> Iterator[Found]:
    """The lines of a page for people."""
    yield from (Found(Where.DOCS, f"{path}:{number}", line) for number, line in enumerate(text.splitlines(), 1))


def names_in_file(path: str, text: str) -> Iterator[Found]:
    """Everything in the file in which a word can be retired."""
    yield from names_of_module(path)
    if path.endswith(".py"):
        yield from names_in_python(path, text)
    if path == "governance/permissions.py":
        yield from names_in_permissions(path, text)
    if path.endswith(".md") or path == "Makefile":
        yield from names_in_text(path, _without_code(text) if path == "CHANGELOG.md" else text)


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", text)


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    suffixes = (".py", ".md", ".html", ".css", ".js", "Makefile")
    found = (line for line in listed.splitlines() if line.endswith(suffixes) and not QUOTED.match(line))
    return [line for line in found if (ROOT / line).is_file()]


@pytest.mark.slow
def test_no_retired_word_is_in_the_code_or_the_docs() -> None:
    found = (one for path in _tracked() for one in names_in_file(path, (ROOT / path).read_text(encoding="utf-8")))
    assert retired_in(found) == []


@pytest.mark.parametrize(
    ("path", "text", "where"),
    [
        ("admin/core/x.py", "def keep_the_house() -> None: ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "class FloorAbove: ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "room = 1\n", Where.IDENTIFIER),
        ("admin/core/x.py", "thing.deedDone = 1\n", Where.IDENTIFIER),
        ("admin/core/x.py", "def read_wishes(): ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "def what_was_told(): ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "member_standing = 1\n", Where.IDENTIFIER),
        ("admin/core/x.py", "take_turn(session)\n", Where.IDENTIFIER),
        ("admin/core/x.py", "latecomers = []\n", Where.IDENTIFIER),
        ("admin/core/x.py", "with bookkeeping(scope): pass\n", Where.IDENTIFIER),
        ("admin/core/x.py", "class JobCarrier: ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "def carry_onboarding(): ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "class TenantShown: ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "class ImportJudged: ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "def open_console(app): ...\n", Where.IDENTIFIER),
        ("admin/core/x.py", "LINES_AT_MOST = 5\n", Where.IDENTIFIER),
        ("admin/core/x.py", "class MoveTenant(Command): ...\n", Where.IDENTIFIER),
        ("admin/api/door.py", "", Where.MODULE),
        ("tests/house/test_x.py", "", Where.MODULE),
        ("governance/permissions.py", 'class Permission:\n    X = "door:mail:read"\n', Where.PERMISSION),
        ("governance/permissions.py", 'class Permission:\n    X = "tenancy:tenant:move"\n', Where.PERMISSION),
        ("admin/core/x.py", 'log.warning("job.not_carried", job=1)\n', Where.LOG_EVENT),
        ("admin/core/x.py", 'log.error("database.away")\n', Where.LOG_EVENT),
        ("admin/core/x.py", '@pages.route("/tenants/<uuid:tenant_id>/move")\ndef x(): ...\n', Where.ADDRESS),
        ("admin/core/x.py", '@routes.list("/tenants/<tenant>/figures")\ndef x(): ...\n', Where.ADDRESS),
        ("admin/core/x.py", '"""A tour of the house."""\n', Where.DOCS),
        ("admin/core/x.py", "x = 1  # through every door\n", Where.DOCS),
        ("admin/core/x.py", '@tenant.command("move")\ndef x(): ...\n', Where.COMMAND_LINE),
        ("admin/core/x.py", '@cli_query("tenant moves", "x")\ndef x(): ...\n', Where.COMMAND_LINE),
        ("admin/core/x.py", '@click.option("--why")\ndef x(): ...\n', Where.COMMAND_LINE),
        ("billing/x.py", '__tablename__ = "tenant_move"\n', Where.IDENTIFIER),
        ("docs/X.md", "Each room has its tables.\n", Where.DOCS),
        ("Makefile", "format: ## Put the code into the house's form.\n", Where.DOCS),
    ],
)
def test_a_planted_word_is_found(path: str, text: str, where: Where) -> None:
    found = list(names_in_file(path, text))
    assert [one for one in found if one.where is where and retired_in([one])] != []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("billing/x.py", "weight = floor(value)\nkind = Rounding.FLOOR_TOTAL_TO_OPERATOR\n"),
        ("billing/x.py", "kind = ItemKind.CARRY_OVER\ncarry_over = 1\n"),
        ("admin/x.py", '"""What was told in turn keeps its standing; the floor of a ratio."""\n'),
        ("admin/x.py", "open_session(command)\nwith open(path) as file: pass\n"),
        ("docs/X.md", "Each carries its date in turn, as the council was told: a standing order.\n"),
    ],
)
def test_plain_english_stays(path: str, text: str) -> None:
    assert retired_in(names_in_file(path, text)) == []
