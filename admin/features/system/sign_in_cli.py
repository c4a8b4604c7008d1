"""`moyai login`, `logout`, `whoami`: the command line as a person, over the API, from any machine."""

from __future__ import annotations

import os
from typing import Final
from uuid import UUID

import click

from admin.features.system.api import CallerFacts
from admin.identity.device_login import DeviceCode, DeviceLogin, secure_address
from admin.identity.saved_login import DeviceEndpoints, Login, LoginFile
from admin.interface.api_client import ApiClient
from admin.interface.output import Answer, handle_errors, print_answer
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.interface.transports import make_client
from admin.operations.settings import Settings
from governance.actors import command_line_actor
from governance.kernel.codes import LocalGovernmentCode
from governance.kernel.errors import Conflict, DomainError, message
from governance.kernel.models import ReadModel
from governance.permissions import Permission, Role

OPERATORS: Final = "operators"
OPERATOR_PART: Final = "operator"
"""What stands for the operator in the address of a sign-in, where a municipality has its code."""

SIGNED_IN_ALREADY = message(
    "login.already",
    ja="すでに {server} にログインしています。",
    en="You are signed in at {server} already.",
    hint_ja="先に moyai logout を実行してください。",
    hint_en="Run `moyai logout` first.",
)


class WhoActs(ReadModel):
    """Who acts at this command line: a person at `server`, or without one the user at this machine."""

    server: str | None
    id: str
    kind: str
    tenant_id: UUID | None
    roles: list[Role]


class SignedOut(ReadModel):
    """Where somebody was signed in; None where nobody was."""

    server: str | None


@click.command("login", cls=PermittedCommand, permission=Permission.PUBLIC)
@click.option(
    "--server",
    metavar="URL",
    help="Moyai のアドレス / Its address; MOYAI_URL or else MOYAI_PUBLIC_URL if omitted.",
)
@click.option(
    "--realm",
    default=OPERATORS,
    show_default=True,
    metavar=f"{OPERATORS}|CODE",
    help="運営者なら operators、参加団体なら 6 桁の団体コード / operators, or the six-digit code of your tenant.",
)
@as_json_option
@handle_errors
def login(server: str | None, realm: str, as_json: bool) -> None:
    """本人としてログインする / Sign in as yourself; commands then go over the API, with your own rights.

    Shows an address and a code. Open the address in any browser, sign in there and confirm the code. The sign-in is
    kept in ~/.config/moyai/login.json, which only you may read, until `moyai logout`.
    """
    file = LoginFile(os.environ)
    present = file.read()
    if present is not None and not present.has_ended:
        raise Conflict(SIGNED_IN_ALREADY, server=present.server)
    address = secure_address(server or _default_server(), field="--server")
    part = OPERATOR_PART if realm == OPERATORS else LocalGovernmentCode.parse(realm, field="--realm").digits
    signed_in = _sign_in(address, part)
    try:
        with ApiClient(address, lambda: signed_in.tokens.access_token) as client:
            caller = CallerFacts.model_validate_json(client.get("/me"))
    except DomainError:
        # Whom Moyai does not let in has no session at Keycloak to leave behind.
        DeviceLogin(signed_in.endpoints).end(signed_in.tokens.refresh_token)
        raise
    file.write(signed_in)
    print_answer(_answer(_who(address, caller)), as_json)


def _sign_in(address: str, part: str) -> Login:
    """Walk the person through the sign-in. `part` says of the address whose person it is."""
    try:
        with ApiClient(address, None) as client:
            endpoints = DeviceEndpoints.model_validate_json(client.sign_in_endpoints(part))
    except DomainError as refusal:
        raise refusal.renamed(lambda field: "--realm" if field == "code" else field) from None
    device = DeviceLogin(endpoints)
    code = device.begin()
    _show(code)
    return Login(server=address, endpoints=endpoints, tokens=device.finish(code))


def _show(code: DeviceCode) -> None:
    """What the person does meanwhile; on standard error, where the answer is not."""
    minutes = round(code.expires_in / 60)
    lines = [
        "次のアドレスをブラウザーで開き、確認コードを入力してください / Open this address and enter the code:",
        f"  {code.verification_uri}",
        f"  {code.user_code}",
    ]
    if code.verification_uri_complete:
        lines += ["コードが入力済みのアドレス / With the code filled in:", f"  {code.verification_uri_complete}"]
    lines.append(
        f"{minutes} 分以内に確認してください。自分で実行したものでなければ、許可しないでください / "
        f"Confirm within {minutes} minutes, and only what you started yourself."
    )
    for line in lines:
        click.echo(line, err=True)


@click.command("logout", cls=PermittedCommand, permission=Permission.PUBLIC)
@as_json_option
@handle_errors
def logout(as_json: bool) -> None:
    """ログインを終える / End the sign-in, here and at the identity server.

    The file is removed in any case; exit code 3 when the identity server could not be told, whose session then ends
    by itself.
    """
    file = LoginFile(os.environ)
    try:
        present = file.read()
    except Conflict:
        # Nothing can be ended with a file that is damaged or was open to others; it goes all the same.
        present = None
    was_there = file.exists()
    file.remove()
    if present is not None:
        DeviceLogin(present.endpoints).end(present.tokens.refresh_token)
    line = "ログアウトしました / signed out" if was_there else "ログインしていません / not signed in"
    print_answer(Answer(SignedOut(server=None if present is None else present.server), [line]), as_json)


@click.command("whoami", cls=PermittedCommand, permission=Permission.PUBLIC)
@as_json_option
@handle_errors
def whoami(as_json: bool) -> None:
    """だれとして操作するかを見る / Say who acts: the person who is signed in, or the user at this machine."""
    file = LoginFile(os.environ)
    present = file.read()
    if present is None:
        actor = command_line_actor(UUID(int=0))
        who = WhoActs(server=None, id=actor.id, kind=actor.kind.value, tenant_id=None, roles=sorted(actor.roles))
    else:
        with make_client(present, file) as client:
            who = _who(present.server, CallerFacts.model_validate_json(client.get("/me")))
    print_answer(_answer(who), as_json)


def _who(server: str, caller: CallerFacts) -> WhoActs:
    return WhoActs(server=server, id=caller.id, kind=caller.kind, tenant_id=caller.tenant_id, roles=caller.roles)


def _answer(who: WhoActs) -> Answer:
    roles = ", ".join(f"{role.ja} / {role.en}" for role in who.roles)
    return Answer(who, [f"{who.id}  {who.server or 'この端末 / this machine'}", roles])


def _default_server() -> str:
    settings = Settings.from_environment(os.environ)
    return settings.remote_url or settings.public_url
