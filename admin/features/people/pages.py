"""利用者: who may sign in, with which roles. The forms are derived."""

from __future__ import annotations

from flask import Blueprint

from admin.features.people.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms

pages = add_forms(Blueprint("people", __name__), ENTRY_POINTS)
