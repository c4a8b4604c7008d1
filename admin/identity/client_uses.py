"""On which day a service client called last: noted once a day, not once a call."""

from __future__ import annotations

import threading
from datetime import date
from typing import Final
from uuid import UUID

from governance.commands import system_transaction
from tenancy.clients.sync import record_use


class ClientUses:
    """Which clients this process has noted today. Thread-safe."""

    def __init__(self) -> None:
        self._noted: dict[UUID, date] = {}
        self._lock = threading.Lock()

    def note(self, tenant_id: UUID, client_id: UUID, today: date) -> None:
        """Store that the client called today, unless this process has done so."""
        with self._lock:
            if self._noted.get(client_id) == today:
                return
            self._noted[client_id] = today
        with system_transaction(tenant_id) as session:
            record_use(session, tenant_id, client_id, today)


CLIENT_USES: Final = ClientUses()
"""Those of this process."""
