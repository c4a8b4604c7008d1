"""May this service client do this, now? One answer for its tokens here and for the platform's gateway."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints
from sqlalchemy.orm import Session

from governance.kernel.field_type import FieldType
from governance.kernel.labels import Label, LabelledEnum
from governance.kernel.models import ReadModel
from tenancy.clients.models import ClientAccess
from tenancy.clients.networks import Address, admits, read_address
from tenancy.clients.queries import ADMITTED_STATES, access_of_client
from tenancy.clients.states import ClientState
from tenancy.keycloak.port import parse_service_client_name, service_client_name
from tenancy.tenants.states import STATE_EFFECTS


class AccessRefusal(LabelledEnum):
    """Why a service client may not call."""

    UNKNOWN = "unknown-client", "登録されていない連携システムです", "not a service client of any tenant"
    STOPPED = "stopped", "廃止された連携システムです", "stopped for good"
    SUSPENDED = "suspended", "停止中の連携システムです", "suspended"
    NOT_IN_FORCE = "not-in-force", "有効期間ではありません", "not valid on this day"
    TENANT = "tenant-state", "団体の状態が、連携システムの利用を認めていません", "the tenant's state allows no calls"
    SECRET = "secret", "使えないシークレットです", "with a secret that is over or was removed"
    NETWORK = "source-network", "許可されていない接続元です", "calls from another network than its own"
    SCOPE = "scope", "許可されていない操作です", "the scope was not allowed to it"


class AccessRefused(Exception):
    """The client may not call, for this reason."""

    def __init__(self, reason: AccessRefusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class AccessDecision(ReadModel):
    """Whether a service client may call now; `reason` where it may not. Both ids are null for an unknown
    one."""

    client: str
    tenant_id: UUID | None
    client_id: UUID | None
    is_allowed: bool
    reason: AccessRefusal | None
    decided_on: date


CLIENT_NAME: Final = FieldType(
    name="client_name",
    read=lambda text: text.strip(),
    hint=Label("トークンの azp（svc- で始まる）", "the azp of its token, which begins with svc-"),
    right=("svc-0a1b2c3d-01890a5d-ac96-774b-bcce-b302099a8057",),
    wrong=(("x" * 65, "input.wrong"),),
)
ClientName = Annotated[str, StringConstraints(min_length=1, max_length=64), CLIENT_NAME]
"""The client_id of a service client in Keycloak."""


def require_access(found: ClientAccess, source: Address | None, secret_number: int | None) -> None:
    """Raise AccessRefused unless the client may call from this address now; an unknown address is in no network.

    `secret_number` is that of the secret with which its token was asked for; None for a key.
    """
    if found.state not in ADMITTED_STATES:
        is_stopped = found.state is ClientState.STOPPED
        raise AccessRefused(AccessRefusal.STOPPED if is_stopped else AccessRefusal.SUSPENDED)
    if not found.is_in_force:
        raise AccessRefused(AccessRefusal.NOT_IN_FORCE)
    if not STATE_EFFECTS[found.tenant_state].clients_get_tokens:
        raise AccessRefused(AccessRefusal.TENANT)
    if secret_number is not None and not found.secrets.get(secret_number):
        raise AccessRefused(AccessRefusal.SECRET)
    if not admits(found.networks, source):
        raise AccessRefused(AccessRefusal.NETWORK)


def decide_access(session: Session, client: str, scope: str, address: str, on: date) -> AccessDecision:
    """Whether the client of this name may call from the address for the scope on that day (JST). Reads one row.

    What cannot be the name of a client is unknown, like one that is not there. Raises Invalid for what is no address.
    """
    source = read_address(address)
    named = parse_service_client_name(client)
    found = None if named is None else access_of_client(session, named.service_client_id, on)
    if named is None or found is None or client != service_client_name(found.tenant_id, *named):
        return _refused(client, None, None, AccessRefusal.UNKNOWN, on)
    try:
        require_access(found, source, named.secret_number)
    except AccessRefused as refused:
        return _refused(client, found.tenant_id, named.service_client_id, refused.reason, on)
    if scope not in found.scopes:
        return _refused(client, found.tenant_id, named.service_client_id, AccessRefusal.SCOPE, on)
    return AccessDecision(
        client=client,
        tenant_id=found.tenant_id,
        client_id=named.service_client_id,
        is_allowed=True,
        reason=None,
        decided_on=on,
    )


def _refused(
    client: str, tenant_id: UUID | None, client_id: UUID | None, reason: AccessRefusal, on: date
) -> AccessDecision:
    return AccessDecision(
        client=client, tenant_id=tenant_id, client_id=client_id, is_allowed=False, reason=reason, decided_on=on
    )
