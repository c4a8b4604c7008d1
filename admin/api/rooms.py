"""The rooms of the API: importing them fills the list of addresses."""

from __future__ import annotations

from importlib import import_module
from typing import Final

ROOMS: Final = ("tenants", "people", "onboarding", "quotas", "law", "money", "books", "record")


def load_rooms() -> None:
    """Import the rooms, whose addresses then stand in `routes.ROUTES`."""
    for room in ROOMS:
        import_module(f"admin.api.{room}")
