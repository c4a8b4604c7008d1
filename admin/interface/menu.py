"""Entries of the main menu, as the list of features declares them."""

from __future__ import annotations

from dataclasses import dataclass

from governance.permissions import Permission


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the main menu: its words, its address, and the permission that shows it."""

    ja: str
    en: str
    address: str
    permission: Permission
