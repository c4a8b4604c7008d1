"""Which page an answer is: that of its own address, or the one whose form it was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from flask import current_app, request

V = TypeVar("V", bound=Callable[..., Any])

_FORM_OF: Final = "form_of"


def form_of(endpoint: str) -> Callable[[V], V]:
    """Mark a view that takes a form of another page, by that page's endpoint, which has the same path parameters."""

    def mark(view: V) -> V:
        setattr(view, _FORM_OF, endpoint)
        return view

    return mark


def page_endpoint() -> str:
    """The endpoint of the page that this request shows or sends a form of; empty for an address that is not there."""
    endpoint = request.endpoint or ""
    view = current_app.view_functions.get(endpoint)
    found: str = getattr(view, _FORM_OF, endpoint)
    return found
