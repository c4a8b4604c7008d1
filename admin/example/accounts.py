"""The example's accounts, so that a visitor can sign in: random passwords, kept 0600 in MOYAI_HOME."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from admin.example.seed_data import private_key
from admin.operations.keycloak_setup import example_passwords
from admin.operations.settings import Settings
from governance.actors import Actor, ActorKind
from governance.commands import system_transaction
from governance.grants import roles_of_people
from governance.kernel import clock
from governance.kernel.concurrency import ParallelMap
from governance.kernel.database import OPERATOR
from governance.kernel.errors import NotAllowed, NotFound, message
from governance.kernel.private_files import write_private
from governance.permissions import Role
from tenancy.clients.queries import service_clients
from tenancy.clients.states import ClientState
from tenancy.keycloak.port import Realm, service_client_name
from tenancy.people.models import MemberDetails
from tenancy.people.queries import members
from tenancy.tenants.queries import list_tenants

EXAMPLE_ONLY = message(
    "example.not_here",
    ja="例示データは、この環境では使えません（MOYAI_EXAMPLE が 0 です）。",
    en="The example is disabled: MOYAI_EXAMPLE is 0.",
    hint_ja="試すときは MOYAI_EXAMPLE=1 を設定してください。実際の運用では設定しないでください。",
    hint_en="Set MOYAI_EXAMPLE=1 to try it; never where real people work.",
)

FOLDER: Final = "example"
MAX_CONCURRENCY: Final = 4
"""A password costs Keycloak a deliberate effort; more at once are no faster on a small machine."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the example. `username` is what is typed at the login page; `tenant` is a code."""

    username: str
    password: str
    realm: str
    role: str
    tenant: str


def require_example_mode(settings: Settings) -> None:
    """Raise NotAllowed where the installation does not run the example."""
    if not settings.example:
        raise NotAllowed(EXAMPLE_ONLY, field="MOYAI_EXAMPLE")


def person_of(operator_id: UUID, role: Role) -> Actor:
    """The operator's person with this role, as after a sign-in. Raises LookupError while there is none."""
    with system_transaction(OPERATOR) as session:
        granted = roles_of_people(session, operator_id, clock.now())
    person_id = next((person_id for person_id, roles in granted.items() if role in roles), None)
    if person_id is None:
        raise LookupError(role)
    return Actor(str(person_id), ActorKind.PERSON, operator_id, frozenset({role}))


def create_accounts(settings: Settings) -> list[Account]:
    """Every account there is by now; those that have no password yet get one. Quick when there is nothing to do."""
    require_example_mode(settings)
    with system_transaction(OPERATOR) as session:
        people = _people(session)
    path = settings.home / FOLDER / "accounts.json"
    kept = _read(path)
    new = [(member, account) for member, account in people if account.username not in kept]
    setter = example_passwords(settings) if new else None

    def set_password(entry: tuple[MemberDetails, Account]) -> Account | None:
        member, account = entry
        password = secrets.token_urlsafe(18)
        if setter is None:
            return None
        try:
            setter.set(member.person_id, password, Realm(account.realm))
        except NotFound:
            # Not in Keycloak yet: the tenant is still to come in.
            return None
        return Account(account.username, password, account.realm, account.role, account.tenant)

    with ParallelMap(MAX_CONCURRENCY, "accounts") as parallel:
        made = parallel.map(set_password, new)
    for account in made:
        if account is not None:
            kept[account.username] = account.password
    if new:
        _write(path, kept)
    return [
        Account(account.username, kept[account.username], account.realm, account.role, account.tenant)
        for _, account in people
        if account.username in kept
    ]


def client_accounts(settings: Settings) -> list[dict[str, str]]:
    """The service clients that can sign in, with the private keys the example made for them."""
    require_example_mode(settings)
    with system_transaction(OPERATOR) as session:
        found = [
            (service_client_name(tenant.id, client.id), tenant.code or "")
            for tenant in list_tenants(session)
            for client in service_clients(session, tenant.id)
            if client.state == ClientState.ACTIVE
        ]
    return [
        {
            "client_id": name,
            "tenant": code,
            "private_key_pem": private_key(settings.home / FOLDER / "clients", code),
        }
        for name, code in found
    ]


def as_json(accounts: list[Account], clients: list[dict[str, str]]) -> dict[str, Any]:
    """As the contract of the command line has it."""
    return {"accounts": [asdict(account) for account in accounts], "clients": clients}


def _people(session: Session) -> list[tuple[MemberDetails, Account]]:
    found = []
    for tenant in list_tenants(session):
        realm = Realm.OPERATORS if tenant.is_operator else Realm.TENANTS
        for member in members(session, tenant.id, clock.now()):
            above = [role.value for role in member.roles if role is not Role.TENANT_MEMBER]
            role = above[0] if above else Role.TENANT_MEMBER.value
            found.append((member, Account(member.email, "", realm.value, role, tenant.code or "")))
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def _write(path: Path, passwords: dict[str, str]) -> None:
    write_private(path, json.dumps(passwords, ensure_ascii=False, indent=1))
