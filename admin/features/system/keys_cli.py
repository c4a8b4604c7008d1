"""`moyai keys`: the keys with which Moyai's own accounts sign in to Keycloak: seen, made, rotated."""

from __future__ import annotations

import os

import click

from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_answer, print_json, rows, tab_separated
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.operations.key_commands import RetireKeys, RotateKeys, retire_keys, rotate_keys
from admin.operations.keys import create_keys, key_entries
from admin.operations.settings import Settings
from governance.permissions import Permission


@click.group()
def keys() -> None:
    """Moyai の鍵 / The keys of Moyai's own accounts."""


@keys.command("list", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@as_json_option
@handle_errors
def list_keys(as_json: bool) -> None:
    """公開鍵とその状態を見る / Every public key by client: current, next or former, and since when."""
    entries = key_entries(Settings.from_environment(os.environ))
    print_answer(rows("keys", entries, tab_separated("client_id", "state", "kid", "made_at")), as_json)


@keys.command("create", cls=PermittedCommand, permission=Permission.SERVERS_RUN)
@as_json_option
@handle_errors
def create(as_json: bool) -> None:
    """最初のサーバーで鍵を作る / Make the keys and the session secret that are missing, on the first host.

    For a folder that hosts share (MOYAI_KEYS_DIR); there nothing else makes any. What is there stays.
    """
    made = create_keys(Settings.from_environment(os.environ))
    if as_json:
        print_json({"made": made})
    else:
        click.echo(f"作成 {len(made)} 件 / made: {', '.join(made) or '―'}")


@keys.command("rotate", cls=PermittedCommand, permission=Permission.KEYCLOAK_CONFIGURE)
@as_json_option
@handle_errors
def rotate_now(as_json: bool) -> None:
    """鍵を取り替える（前の鍵も当面有効） / Sign with new keys; the former ones stay accepted until `retire`.

    The new keys are registered in Keycloak before anything signs with them. Processes that see the folder use them at
    once; copy it to hosts that do not. An interrupted rotation is completed by the same command.
    """
    from admin.operations.key_rotation import rotate

    with app_context() as context:
        actor = context.actor
        kids = rotate(context.settings, lambda ids: rotate_keys(RotateKeys(kids=ids), actor=actor))
    _print("rotated", kids, as_json, "新しい鍵で署名します / signing with new keys")


@keys.command("retire", cls=PermittedCommand, permission=Permission.KEYCLOAK_CONFIGURE)
@as_json_option
@handle_errors
def retire_now(as_json: bool) -> None:
    """前の鍵を廃止する / Withdraw the former keys, once every host signs with the new ones."""
    from admin.operations.key_rotation import retire

    with app_context() as context:
        actor = context.actor
        kids = retire(context.settings, lambda ids: retire_keys(RetireKeys(kids=ids), actor=actor))
    _print("retired", kids, as_json, "前の鍵を廃止しました / former keys withdrawn")


def _print(name: str, kids: tuple[str, ...], as_json: bool, said: str) -> None:
    if as_json:
        print_json({name: list(kids)})
    else:
        click.echo(f"{said}: {len(kids)}")
