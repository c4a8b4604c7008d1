"""`moyai training`: an installation to practise in, made and emptied by one command."""

from __future__ import annotations

import os

import click

from admin.features.system.servers_cli import stop_all, up
from admin.interface.output import handle_errors, print_json
from admin.interface.param_types import as_json_option
from admin.interface.permitted import PermittedCommand
from admin.operations.settings import Settings
from admin.operations.training import check_may_be_emptied, delete_contents
from governance.permissions import Permission


@click.group()
def training() -> None:
    """研修環境 / A training installation: MOYAI_TRAINING=1 and a MOYAI_HOME of its own."""


@training.command("reset", cls=PermittedCommand, permission=Permission.TRAINING_RESET)
@click.option(
    "--members",
    type=click.Choice(["13", "21"]),
    default="13",
    show_default=True,
    help="How many members the example has; 13 leaves the cohort of eight to practise on.",
)
@click.option("--yes", is_flag=True, help="Do not ask before everything is deleted.")
@as_json_option
@click.pass_context
@handle_errors
def reset(context: click.Context, members: str, yes: bool, as_json: bool) -> None:
    """研修環境を初めの状態に戻す / Stop it, delete everything in its MOYAI_HOME, start it with the example anew.

    Makes a training installation where MOYAI_HOME is empty. Any other installation is refused and left as it is.
    """
    settings = Settings.from_environment(os.environ)
    check_may_be_emptied(settings)
    if not yes:
        click.confirm(f"{settings.home} の内容をすべて消します / Delete everything in {settings.home}?", abort=True)
    stop_all(settings)
    delete_contents(settings)
    os.environ.update(settings.as_environment())
    context.invoke(up, as_json=False, replace_keys=False)
    from admin.example.load import load

    loaded = load(settings, members=int(members), progress=lambda line: click.echo(line, err=True))
    if as_json:
        print_json({"home": str(settings.home), "url": settings.public_url, "active": loaded.active})
        return
    click.echo(f"研修環境を初めの状態に戻しました / The training installation is as new: {settings.public_url}")
