"""`moyai example`: the main job on example data, and who can sign in to look at it."""

from __future__ import annotations

from typing import Any, Final

import click

from admin.example.accounts import as_json as accounts_json
from admin.example.accounts import client_accounts, create_accounts, require_example_mode
from admin.example.load import LoadResult
from admin.example.load import load as load_example
from admin.example.municipalities import FIRST, SECOND
from admin.interface.cli_context import app_context
from admin.interface.output import handle_errors, print_json
from admin.interface.permitted import PermittedCommand
from admin.operations.mail.commands import ViewMail, view_mail
from admin.operations.mail.outbox import MailOutbox
from billing.runs.states import RunState
from governance.permissions import Permission

_SEARCHED_MAILS: Final = 10_000


@click.group()
def example() -> None:
    """例示データ / Example data. Refused when MOYAI_EXAMPLE is 0."""


@example.command("load", cls=PermittedCommand, permission=Permission.EXAMPLE_LOAD)
@click.option(
    "--members",
    type=click.Choice([str(FIRST), str(FIRST + SECOND)]),
    default=str(FIRST + SECOND),
    show_default=True,
    help="13 stops before the cohort of eight, so that a person can plan and apply it on the screen.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def load(members: str, as_json: bool) -> None:
    """例示データで参加手続から按分まで行う / Load the example, from onboarding to allocation. Safe to repeat."""
    with app_context() as context:
        require_example_mode(context.settings)
        loaded = load_example(
            context.settings, members=int(members), progress=lambda line: click.echo(line, err=as_json)
        )
    if as_json:
        print_json(loaded_json(loaded))


@example.command("accounts", cls=PermittedCommand, permission=Permission.EXAMPLE_LOAD)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def accounts(as_json: bool) -> None:
    """ログインできる例示の利用者 / Who can sign in to the example, with passwords and keys."""
    with app_context() as context:
        found, clients = create_accounts(context.settings), client_accounts(context.settings)
    if as_json:
        print_json(accounts_json(found, clients))
        return
    for account in found:
        click.echo(f"{account.realm}\t{account.tenant}\t{account.role}\t{account.username}\t{account.password}")


@example.command("mails", cls=PermittedCommand, permission=Permission.MAIL_OPEN)
@click.argument("recipient", required=False)
@click.option("--limit", type=click.IntRange(1, 200), default=1, show_default=True, help="How many, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@handle_errors
def mails(recipient: str | None, limit: int, as_json: bool) -> None:
    """届かないメールの本文を読む / Read the text of stored emails, the newest or those to RECIPIENT.

    Each one that is shown is an audit event.
    """
    with app_context() as context:
        require_example_mode(context.settings)
        outbox, actor = MailOutbox(context.settings.home), context.actor
        found = [mail for mail in outbox.mails(limit=_SEARCHED_MAILS) if recipient in (None, mail.recipient)][:limit]
        for mail in found:
            view_mail(ViewMail(mail_id=mail.id, recipient=mail.recipient), actor=actor)
    if as_json:
        print_json({"mails": [mail.model_dump() | {"text": outbox.body(mail.id)} for mail in found]})
        return
    for mail in found:
        click.echo(f"{mail.stored_at:%Y-%m-%d %H:%M:%S}Z\t{mail.recipient}\t{mail.subject}\n\n{outbox.body(mail.id)}")


def loaded_json(loaded: LoadResult) -> dict[str, Any]:
    """How many take part, and the runs as `moyai allocation show` has them."""
    return {
        "active": loaded.active,
        "posted": bool(loaded.runs) and loaded.runs[-1].state is RunState.POSTED,
        "runs": [run.split.model_dump(mode="json") for run in loaded.runs],
    }
