"""What the main menu is made of: groups, their places, and which pages belong to each place.

The declaration itself stands in `admin.features.menu`. A page that has no place in it is refused by a test.
"""

from __future__ import annotations

from dataclasses import dataclass

from governance.kernel.labels import Label
from governance.permissions import Permission


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the menu: its words, its address, the permission that shows it, and the pages that belong to it.

    `address` may name the tenant of whoever looks as `{tenant}`. `pages` are endpoints (`tenants.tenant`) or whole
    blueprints (`tenants`); an endpoint goes before its blueprint. `own_pages` belong here, before any other place, when
    they are about the tenant of whoever looks: an operator's own people are in another group than a municipality's.
    """

    label: Label
    address: str
    permission: Permission
    pages: frozenset[str] = frozenset()
    own_pages: frozenset[str] = frozenset()

    @property
    def anchor(self) -> str:
        """Where its help stands on the page of help: `tenants-people` for `/tenants/{tenant}/people`."""
        words = [part for part in self.address.split("/") if part and not part.startswith("{")]
        return "-".join(["page", *(words or ["home"]), *(["own"] if "{tenant}" in self.address else [])])


@dataclass(frozen=True, slots=True)
class Group:
    """A noun of work on the first level. Its places are shown only while it is open; one place is no second level.

    `icon` is a name of `interface/icons.html`. `counts_waiting` shows how much waits beside the word. The links of a
    group that `keeps_year` keep the fiscal year that the present page shows (`admin.interface.years`).
    """

    label: Label
    icon: str
    places: tuple[Place, ...]
    counts_waiting: bool = False
    keeps_year: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """The menu of one kind of tenant: at most seven groups, and what stands at its foot."""

    groups: tuple[Group, ...]
    foot: tuple[Place, ...] = ()

    def places(self) -> list[Place]:
        """Every place, in the order of the menu."""
        return [place for group in self.groups for place in group.places] + list(self.foot)

    def place_of(self, endpoint: str, *, is_own: bool = False) -> Place | None:
        """The place of a page; None for a page that is in no group. `is_own`: it is about the reader's own tenant."""
        names = (endpoint, endpoint.partition(".")[0])
        places = self.places()
        own = [place for name in names for place in places if is_own and name in place.own_pages]
        return next(iter([*own, *(place for name in names for place in places if name in place.pages)]), None)
