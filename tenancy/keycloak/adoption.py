"""When a create was answered by "exists already" or by nothing at all: look again, adopt only what is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from governance.kernel.errors import Refused
from tenancy.keycloak.connection import NoAnswer, Taken

Thing = TypeVar("Thing")


def create_or_adopt(
    create: Callable[[], object],
    look: Callable[[], Thing | None],
    *,
    taken: Callable[[], Refused],
) -> Thing | None:
    """Create; answers None when that was done now, or what `look` found when it was there already.

    `look` finds by the natural key and refuses (`Conflict`) what Moyai did not make. After a lost answer with nothing
    found the create is sent once more: its key is unique on the server, so it cannot be made twice. `taken` is raised
    when the server says the name is in use but nothing of ours has it.
    """
    for last_try in (False, True):
        try:
            create()
            return None
        except Taken:
            found = look()
            if found is None:
                raise taken() from None
            return found
        except NoAnswer:
            found = look()
            if found is not None:
                return found
            if last_try:
                raise
    raise AssertionError("unreachable")
