"""How long a session lasts, here as at Keycloak."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=10)
"""A session ends after half an hour without a click, and after ten hours in any case."""
