"""The keys of this host: those of Moyai's accounts at Keycloak and the session secret, in one folder for all hosts."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path

from admin.operations import secret_files
from admin.operations.settings import SESSION_SECRET_NAME, WEB_SECRETS, Settings
from governance.kernel.models import ReadModel
from governance.kernel.private_files import write_private
from tenancy.keycloak.keys import BackendKeys, KeyState, load_keys, load_or_create_keys, writing_keys
from tenancy.keycloak.port import CONSOLE_CLIENT
from tenancy.keycloak.specification.shared import CLIENTS_CLIENT, PEOPLE_CLIENT, RECONCILER_CLIENT

CLIENT_OF = {
    "people": PEOPLE_CLIENT,
    "clients": CLIENTS_CLIENT,
    "reconciler": RECONCILER_CLIENT,
    "console": CONSOLE_CLIENT,
}
"""Account, as its key file is called → its client in Keycloak."""


class KeyEntry(ReadModel):
    """One public key of one of Moyai's clients. `made_at` is when its file was written."""

    client_id: str
    state: KeyState
    kid: str
    made_at: datetime
    public_key: dict[str, str]


def backend_keys(settings: Settings) -> BackendKeys:
    """The keys of Moyai's own accounts and of the console, made the first time in MOYAI_HOME.

    In a folder that MOYAI_KEYS_DIR names nothing is made: several hosts have it. Raises Invalid, which names the file,
    where a key is missing there or any file holds none.
    """
    return load_or_create_keys(settings.keys) if settings.keys_dir is None else load_keys(settings.keys)


def key_files(settings: Settings) -> list[Path]:
    """Where the keys of Moyai's accounts are, in every state; not each is there."""
    return [account.path(state) for account in BackendKeys.of(settings.keys).accounts for state in KeyState]


def create_keys(settings: Settings) -> list[str]:
    """Make what is missing of this installation's keys and session secret; the names of the files that were made.

    A session secret that MOYAI_HOME has already is taken, so that those who are signed in stay so. Raises Invalid where
    the folder cannot be written.
    """
    folder = settings.keys
    with writing_keys(folder):
        missing = [key for key in BackendKeys.of(folder).accounts if not key.path().exists()]
        for key in missing:
            key.create()
        made = [key.path().name for key in missing]
        shared = settings.session_secret_path
        if shared is not None and not shared.exists():
            known = secret_files.read(settings.secrets, WEB_SECRETS).get(SESSION_SECRET_NAME)
            write_private(shared, f"{known or secrets.token_urlsafe(32)}\n", replace=False)
            made.append(shared.name)
    load_keys(folder)
    return made


def key_entries(settings: Settings) -> list[KeyEntry]:
    """Every public key that Keycloak is to accept for Moyai's clients. Raises Invalid as `load_keys` does."""
    return [
        KeyEntry(
            client_id=CLIENT_OF[account.account],
            state=state,
            kid=key.kid,
            made_at=account.made_at(state),
            public_key=key.public_jwk,
        )
        for account in load_keys(settings.keys).accounts
        for state, key in account.published.items()
    ]
