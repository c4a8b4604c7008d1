"""A person's own filters beside the filter of a list: those that are kept, and the present one to be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from flask import Flask, current_app, request
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from admin.core.guard import current_actor
from admin.core.language import current_language
from admin.interface.lists import with_query
from admin.interface.navigation import menu_of
from admin.interface.own_tasks import asking_actor
from admin.interface.pages import session
from governance.actors import ActorKind
from governance.kernel.ids import new_id
from tenancy.preferences.commands import person_of
from tenancy.preferences.filters import SavedFilterFacts, saved_filters

REPORTS: Final = frozenset({"done", "changed", "reminded", "left_out", "issued", "issuer"})
"""Parts of an address that say what has just been done, once."""
NOT_KEPT: Final = REPORTS | {"cursor", "lang", "form", "fresh"}
NO_FILTER: Final = NOT_KEPT | {"order", "direction"}
"""Parts of an address that choose no rows: without another one there is nothing to keep but the order."""


@dataclass(frozen=True, slots=True)
class ListFilters:
    """The filters of the present list that are `saved`, and this page's `address` where it is filtered, else empty."""

    saved: tuple[SavedFilterFacts, ...]
    address: str
    key: str
    """The idempotency key of the form that keeps it."""

    def is_current(self, one: SavedFilterFacts) -> bool:
        """Whether the page shows this filter; in which order its parts stand does not matter."""
        return _parts(one.address) == _parts(self.address)


def own_filters(of: Session, path: str | None = None) -> list[SavedFilterFacts]:
    """The filters of whoever asks, of one list where given; none for who is no person."""
    actor = asking_actor()
    if actor.kind is not ActorKind.PERSON:
        return []
    return list(saved_filters(of, actor.tenant_id, person_of(actor), path))


def filters_of_list() -> ListFilters:
    """Those of this request's page, for the macro below its filter."""
    chosen = {name: text for name, text in request.args.items() if text}
    is_filtered = bool(chosen.keys() - NO_FILTER)
    query = urlencode({name: text for name, text in chosen.items() if name not in NOT_KEPT})
    address = f"{request.path}?{query}" if is_filtered else ""
    return ListFilters(tuple(own_filters(session(), request.path)), address, str(new_id()))


def address_of_list() -> str:
    """Where a form above this list goes back to: its filter, order and part, without what was just reported."""
    return with_query(request.path, {name: text for name, text in request.args.items() if name not in REPORTS})


def name_of_list(address: str) -> str:
    """What the menu calls the list at an address; the address itself where it calls it nothing."""
    path = address.partition("?")[0]
    try:
        endpoint, _ = current_app.url_map.bind("").match(path)
    except HTTPException:
        return path
    place = menu_of(current_app, is_operator=current_actor().is_operator).place_of(str(endpoint))
    return path if place is None else place.label.text(current_language())


def _parts(address: str) -> tuple[str, list[tuple[str, str]]]:
    path, _, query = address.partition("?")
    return path, sorted(parse_qsl(query))


def init_list_filters(app: Flask) -> None:
    """Make `filters_of_list` and `address_of_list` known to the templates."""
    app.jinja_env.globals |= {"filters_of_list": filters_of_list, "address_of_list": address_of_list}
