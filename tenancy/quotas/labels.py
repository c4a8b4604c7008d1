"""What the dimensions and their units are called: rows that migrations insert name them in Japanese only."""

from __future__ import annotations

from typing import Final

from governance.kernel.labels import Label

_DIMENSIONS: Final = {
    "api_calls": Label("API 呼出し", "API calls"),
    "storage_gib": Label("保存容量", "storage"),
    "users": Label("利用者", "people"),
    "service_clients": Label("連携システム", "service clients"),
}

_UNITS: Final = {"回": Label("回", "calls"), "人": Label("人", "people"), "件": Label("件", "systems")}


def dimension_wording(name: str, label: str) -> Label:
    """A dimension in both languages; its own label where a migration added it later."""
    return _DIMENSIONS.get(name, Label(label, label))


def unit_wording(unit: str) -> Label:
    """A unit in both languages; one that is the same in both stays."""
    return _UNITS.get(unit, Label(unit, unit))
