"""The checks of a bearer token as they stand in the source, and the same functions with one of them taken out.

So that whoever adds a check need not remember to add a forged token: the test of the forgeries finds it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

from admin.identity import bearer, persons, token_sessions, tokens
from tenancy.clients import access

FUNCTIONS: Final[dict[ModuleType, tuple[str, ...]]] = {
    tokens: ("TokenVerifier.verify_access_token", "TokenVerifier._verify", "_unverified_claims"),
    bearer: ("_actor_of", "_service_client"),
    access: ("require_access",),
    persons: ("read_person", "person_actor", "_named_tenant"),
    token_sessions: ("PersonTokens.require_issued", "PersonTokens.require_live", "_named"),
}
"""What a bearer token goes through on its way to an actor."""


@dataclass(frozen=True)
class Removal:
    """A check that is taken out: where it stands, what it says, and the function as it is without it."""

    function: FunctionType
    says: str
    code: CodeType

    def __str__(self) -> str:
        return f"{self.function.__qualname__}: {self.says}"


def removals() -> Iterator[Removal]:
    """Every check of `FUNCTIONS`, each taken out by itself; of one with several conditions each condition, too."""
    for module, names in FUNCTIONS.items():
        tree = ast.parse(inspect.getsource(module))
        for name in names:
            yield from _of_function(module, tree, name)


def _of_function(module: ModuleType, tree: ast.Module, name: str) -> Iterator[Removal]:
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part)
    definition = _find(tree, name)
    places = [
        (owner, field, place)
        for owner in ast.walk(definition)
        for field in ("body", "orelse")
        # A conditional expression has a body, too, which is no list.
        if isinstance(statements := getattr(owner, field, None), list)
        for place, statement in enumerate(statements)
        if _is_check(statement)
    ]
    for owner, field, place in places:
        statements = getattr(owner, field)
        kept = statements[place]
        for says, instead in _without(kept):
            statements[place] = ast.fix_missing_locations(ast.copy_location(instead, kept))
            yield Removal(function, says, _code(compile(tree, str(module.__file__), "exec"), name))
        statements[place] = kept


def _is_check(statement: ast.stmt) -> bool:
    """`_require(…)`, `tokens.require_live(…)` or an `if` that only raises."""
    if isinstance(statement, ast.If):
        return isinstance(statement.body[-1], ast.Raise) and not statement.orelse
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    called = statement.value.func
    name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
    return name.lstrip("_").startswith("require")


def _without(check: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """What stands in place of the check: nothing, or the check without one of its conditions."""
    yield ast.unparse(check).replace("\n", " "), ast.Pass()
    condition = _condition(check)
    if not isinstance(condition, ast.BoolOp):
        return
    for number, left_out in enumerate(condition.values):
        changed = deepcopy(check)
        shorter = _condition(changed)
        assert isinstance(shorter, ast.BoolOp)
        del shorter.values[number]
        # A boolean operation of one value is that value to Python's compiler only where it stands as such.
        _replace_condition(changed, shorter if len(shorter.values) > 1 else shorter.values[0])
        yield f"{ast.unparse(left_out)} in {ast.unparse(check)}".replace("\n", " "), changed


def _condition(check: ast.stmt) -> ast.expr | None:
    if isinstance(check, ast.If):
        return check.test
    assert isinstance(check, ast.Expr)
    assert isinstance(check.value, ast.Call)
    return check.value.args[0] if check.value.args else None


def _replace_condition(check: ast.stmt, condition: ast.expr) -> None:
    if isinstance(check, ast.If):
        check.test = condition
    else:
        assert isinstance(check, ast.Expr)
        assert isinstance(check.value, ast.Call)
        check.value.args[0] = condition


def _find(tree: ast.Module, name: str) -> ast.AST:
    found: ast.AST = tree
    for part in name.split("."):
        found = next(node for node in ast.iter_child_nodes(found) if getattr(node, "name", None) == part)
    return found


def _code(module: CodeType, name: str) -> CodeType:
    found = module
    for part in name.split("."):
        found = next(one for one in found.co_consts if isinstance(one, CodeType) and one.co_name == part)
    return found
