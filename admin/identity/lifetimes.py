"""How long a session lasts, here as at Keycloak."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=10)
"""A session ends after half an hour without a click, and after ten hours in any case."""

ENDED_KEPT: Final = timedelta(hours=12)
"""How long after its end it is known whose session a cookie was of, and what was sent in it is kept for that person."""
DRAFT_KEPT: Final = timedelta(hours=1)
"""How long what was sent of a form, and not carried out, is kept in a session."""
