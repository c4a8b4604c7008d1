"""When a create was answered by "exists already" or by nothing at all: look again, adopt only what is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from governance.kernel.errors import DomainError
from tenancy.keycloak.connection import AlreadyExists, NoResponse

Resource = TypeVar("Resource")


def create_or_adopt(
    create: Callable[[], object],
    find: Callable[[], Resource | None],
    *,
    already_exists: Callable[[], DomainError],
) -> Resource | None:
    """Create; answers None when that was done now, or what `find` found when it was there already.

    `find` uses the natural key and refuses (`Conflict`) what Moyai did not make. After a lost answer with nothing
    found the create is sent once more: its key is unique on the server, so it cannot be made twice. `already_exists`
    is raised when the server says the name is in use but nothing of ours has it.
    """
    for last_try in (False, True):
        try:
            create()
            return None
        except AlreadyExists:
            found = find()
            if found is None:
                raise already_exists() from None
            return found
        except NoResponse:
            found = find()
            if found is not None:
                return found
            if last_try:
                raise
    raise AssertionError("unreachable")
