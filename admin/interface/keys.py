"""Keys: `/` and ⌘K or Ctrl-K to the search, `g` and a letter to a group, `?` to their list.

Only with script (`static/keys.js`), and only until they are switched off: single keys get in the way of people who
speak or whose hands tremble (WCAG 2.1.4). A cookie keeps the choice, since it is about this browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import request
from werkzeug.wrappers import Response

COOKIE: Final = "__Host-moyai-keys"
_ONE_YEAR: Final = 365 * 24 * 60 * 60

GROUP_KEYS: Final[Mapping[str, str]] = {
    "home": "h",
    "waiting": "w",
    "members": "t",
    "people": "p",
    "data": "d",
    "money": "m",
    "agreement": "a",
    "record": "r",
}
"""Icon of a group of the menu → the letter after `g` that leads to it."""


def are_keys_on() -> bool:
    """Whether this browser has not switched the keys off."""
    return request.cookies.get(COOKIE) != "off"


def save_keys_choice(response: Response, *, on: bool) -> None:
    """Keep the choice in a cookie of this browser; none is needed for what is usual."""
    if on:
        response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Lax", path="/")
    else:
        response.set_cookie(COOKIE, "off", max_age=_ONE_YEAR, secure=True, httponly=True, samesite="Lax", path="/")
