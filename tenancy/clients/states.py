"""The states of a service client."""

from __future__ import annotations

from enum import StrEnum


class ClientState(StrEnum):
    """Registered until it is in Keycloak, then active; a stopped client gets no token."""

    REGISTERED = "registered"
    ACTIVE = "active"
    STOPPED = "stopped"
