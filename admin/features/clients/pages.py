"""連携システム: which systems may call, registered by their public keys. The form is derived."""

from __future__ import annotations

from flask import Blueprint

from admin.features.clients.entry_points import ENTRY_POINTS
from admin.interface.command_forms import add_forms

pages = add_forms(Blueprint("clients", __name__), ENTRY_POINTS)
