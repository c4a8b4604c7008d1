"""How long a session lasts, here as at Keycloak, where nothing else is set."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

IDLE: Final = timedelta(minutes=30)
ABSOLUTE: Final = timedelta(hours=10)
STEP_UP: Final = timedelta(minutes=10)
"""While the operator has set nothing else (`sign_in_limits`): a session ends after half an hour without a click, after
ten hours in any case, and a login with a second factor is fresh for ten minutes."""

LONGEST: Final = timedelta(hours=24)
"""No session may be set to last longer."""

ENDED_KEPT: Final = timedelta(hours=12)
"""How long after its end it is known whose session a cookie was of, and what was sent in it is kept for that person."""
DRAFT_KEPT: Final = timedelta(hours=1)
"""How long what was sent of a form, and not carried out, is kept in a session."""
