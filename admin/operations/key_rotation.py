"""Rotating the keys of Moyai's accounts without a moment in which one of them is refused.

The next key is published beside the present one, in both realms, before anybody signs with it; then the accounts sign
with it while the former one is still accepted; `retire` withdraws that one, once no process signs with it any more.
Each step may be interrupted anywhere and is then completed by the same call.
"""

from __future__ import annotations

from collections.abc import Callable

from admin.operations.keycloak_setup import configure
from admin.operations.keys import backend_keys
from admin.operations.settings import Settings
from governance.kernel.errors import Conflict, message
from tenancy.keycloak.configure import ConfigurationResult
from tenancy.keycloak.keys import AccountKey, KeyState, SigningKey

FORMER_KEYS_LEFT = message(
    "keys.former_left",
    ja="前の鍵がまだ有効です。",
    en="The former keys are still accepted.",
    hint_ja="すべてのサーバーが新しい鍵を使っていることを確かめて、moyai keys retire を先に実行してください。",
    hint_en="Make sure that all hosts use the new keys, then run `moyai keys retire` first.",
)
UNFINISHED = message(
    "keys.rotation_unfinished",
    ja="鍵の取り替えが途中です。",
    en="A rotation of the keys is unfinished.",
    hint_ja="moyai keys rotate をもう一度実行してください。途中から続けます。",
    hint_en="Run `moyai keys rotate` again; it goes on where it stopped.",
)
NOTHING_TO_RETIRE = message(
    "keys.nothing_to_retire", ja="廃止する前の鍵はありません。", en="There is no former key to withdraw."
)
REALMS_DIFFER = message(
    "keys.realms_differ",
    ja="レルムが定義と異なるため、鍵を取り替えていません（違い {count} 件）。",
    en="The realms differ from their specification ({count}), so no key was changed.",
    hint_ja="moyai keycloak configure --check で確かめて、直してから、もう一度実行してください。",
    hint_en="See `moyai keycloak configure --check`, put it right and run this again.",
)

Record = Callable[[tuple[str, ...]], object]
"""Records key ids in the audit log before they take effect. Raises DomainError where that cannot be."""


def rotate(settings: Settings, record: Record) -> tuple[str, ...]:
    """Publish new keys, then sign with them; their ids. What an interrupted rotation began is completed.

    Raises Conflict while former keys are left, or where Keycloak holds keys that this host does not have; and as
    `configure` does.
    """
    keys = backend_keys(settings).accounts
    if _begun(keys, KeyState.FORMER):
        if not _begun(keys, KeyState.NEXT):
            raise Conflict(FORMER_KEYS_LEFT)
    else:
        for key in keys:
            key.create(KeyState.NEXT)
    following = _begun(keys, KeyState.NEXT)
    _require_published(configure(settings))
    kids = tuple(next_key.kid for _, next_key in following)
    record(kids)
    for key, _ in following:
        key.use_next()
    return kids


def retire(settings: Settings, record: Record) -> tuple[str, ...]:
    """Withdraw the former keys from Keycloak and remove their files; their ids.

    Raises Conflict where there are none, or while a rotation is unfinished; and as `configure` does.
    """
    keys = backend_keys(settings).accounts
    former = _begun(keys, KeyState.FORMER)
    if not former:
        raise Conflict(NOTHING_TO_RETIRE)
    if _begun(keys, KeyState.NEXT):
        raise Conflict(UNFINISHED)
    kids = tuple(key.kid for _, key in former)
    record(kids)
    _require_published(configure(settings, withdrawn=frozenset(kids)))
    for key, _ in former:
        key.remove_former()
    return kids


def _begun(keys: tuple[AccountKey, ...], state: KeyState) -> list[tuple[AccountKey, SigningKey]]:
    """The accounts that have a key in this state, each with it."""
    return [(key, found) for key in keys if (found := key.find(state)) is not None]


def _require_published(configured: ConfigurationResult) -> None:
    """Raise Conflict where a key set in Keycloak is still another than was specified."""
    left = [one for one in configured.remaining if one.field == "attributes.jwks.string"]
    if left:
        raise Conflict(REALMS_DIFFER, count=len(left))
