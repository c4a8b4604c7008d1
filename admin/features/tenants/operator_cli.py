"""`moyai operator`: the prefecture that runs the platform, with which a real installation begins."""

from __future__ import annotations

from admin.features.tenants.entry_points import ENTRY_POINTS
from admin.interface.command_line import command_group

operator = command_group("operator", "運営者（県） / The operator.", ENTRY_POINTS)
