"""The problems that the API may answer, by code: the messages of every module that its routes reach."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Final

from admin.core import errors, guard, rate_limits
from admin.interface import api_requests, edited_objects, paging
from governance import declaration
from governance.commands import COMMANDS
from governance.kernel import field_types
from governance.kernel.errors import Message, collect_messages

if TYPE_CHECKING:
    from admin.interface.api_routes import ApiRoute

_DOMAIN: Final = ("billing.", "governance.", "tenancy.", "admin.workflows.")
_EVERY_REQUEST: Final = (errors, guard, rate_limits, api_requests, edited_objects, paging, field_types)


def problems_of(routes: Iterable[ApiRoute]) -> dict[str, dict[str, str]]:
    """Code → its texts in both languages, in the order of the codes; what stands in braces is filled in each time."""
    functions = [route.view if route.declared is None else route.declared.function for route in routes]
    functions += [route.handler.body for route in routes if route.handler is not None]
    modules = _reached([*_EVERY_REQUEST, *(sys.modules[function.__module__] for function in functions)])
    messages = {one.code: one for one in errors.HTTP_MESSAGES.values()} | dict(collect_messages(modules))
    return {
        code: {"ja": one.ja, "en": one.en, "hint_ja": one.hint_ja, "hint_en": one.hint_en}
        for code, one in sorted(messages.items())
    }


@cache
def refusals_of_commands() -> Mapping[str, Message]:
    """The messages with which commands refuse, by code, for an application whose commands are known."""
    modules = {sys.modules[handler.body.__module__] for handler in COMMANDS.get().values()}
    return collect_messages(_reached([field_types, declaration, *modules]))


def _reached(waiting: list[ModuleType]) -> list[ModuleType]:
    """These modules, and every module of the domain that one of them takes a name from."""
    reached = {module.__name__: module for module in waiting}
    while waiting:
        for value in vars(waiting.pop()).values():
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(name, str) and name.startswith(_DOMAIN) and name not in reached:
                reached[name] = sys.modules[name]
                waiting.append(reached[name])
    return list(reached.values())
