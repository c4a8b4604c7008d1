"""The states of a service client."""

from __future__ import annotations

from governance.kernel.labels import LabelledEnum


class ClientState(LabelledEnum):
    """Registered until it is in Keycloak, then active; a suspended one may come back, a stopped one does not."""

    REGISTERED = "registered", "登録済み", "registered"
    ACTIVE = "active", "利用中", "active"
    SUSPENDED = "suspended", "停止中", "suspended"
    STOPPED = "stopped", "廃止", "stopped for good"


class OwnerKind(LabelledEnum):
    """Whose a client is: which person, the page of the client says."""

    TENANT = "tenant", "団体", "the tenant"
    PERSON = "person", "利用者個人", "a person of the tenant"


class SuspensionCause(LabelledEnum):
    """Why a client is suspended: somebody decided so, or it went with the person who owns it."""

    DECIDED = "decided", "個別の停止", "decided for this client"
    WITH_OWNER = "with-owner", "所有者の停止・削除に伴う停止", "suspended with its owner"
