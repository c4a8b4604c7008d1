"""The states of a service client."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class ClientState(LabelledEnum):
    """Registered until it is in Keycloak, then active; a stopped client gets no token."""

    REGISTERED = "registered", "登録済み", "registered"
    ACTIVE = "active", "利用中", "active"
    STOPPED = "stopped", "停止", "stopped"
