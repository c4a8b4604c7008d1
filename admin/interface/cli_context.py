"""What every command that touches the installation needs: its settings, the application, and who acts."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import click
from flask import Flask
from sqlalchemy.exc import InterfaceError, OperationalError

from admin.bootstrap import create_core
from admin.core.logs import configure_logs
from admin.identity.saved_login import LoginFile
from admin.interface.keycloak_port import close_identities
from admin.interface.permitted import permission_of
from admin.operations.settings import Settings
from governance.actors import Actor, command_line_actor
from governance.commands import require, system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.errors import Conflict, DependencyUnavailable, message
from tenancy import directory

CLI_DATABASE_UNAVAILABLE = message(
    "cli.database_unavailable",
    ja="データベースに接続できません。",
    en="The database cannot be reached.",
    hint_ja="moyai status で状態を確かめ、moyai up で起動してください。",
    hint_en="Check with `moyai status`; start it with `moyai up`.",
)
NOT_OVER_API = message(
    "cli.not_over_api",
    ja="このコマンドは、運営者の端末そのものを操作するものです。{server} にログインしている間は実行できません。",
    en="This command is for the operator's machine itself; it does not run while you are signed in at {server}.",
    hint_ja="運営者の端末で、moyai logout のあとに実行してください。",
    hint_en="Run it on the operator's machine after `moyai logout`.",
)


@dataclass(frozen=True, slots=True)
class CliContext:
    """The installation the command line works on; inside its application context."""

    settings: Settings
    app: Flask

    @property
    def actor(self) -> Actor:
        """The person at the operator's machine. Raises NotFound before the operator is registered."""
        with system_transaction(OPERATOR) as session:
            return command_line_actor(directory.operator(session).id)


def refuse_while_signed_in() -> None:
    """Raise Conflict where somebody is signed in, for a command that the API does not offer."""
    login = LoginFile(os.environ).read()
    if login is not None:
        raise Conflict(NOT_OVER_API, server=login.server)


@contextmanager
def app_context() -> Iterator[CliContext]:
    """Enter the application as the environment describes it. An unreachable database raises DependencyUnavailable.

    Raises Conflict while somebody is signed in with `moyai login`: nothing is then done in the machine's own name.
    """
    refuse_while_signed_in()
    settings = Settings.from_environment(os.environ)
    app = create_core(settings)
    # Who sits at the command line is told by the command itself; the log keeps to what went wrong.
    configure_logs(logging.WARNING)
    with app.app_context():
        try:
            # The roles at the machine are the same before anybody is registered, so no row is asked for them.
            require(command_line_actor(UUID(int=0)), permission_of(click.get_current_context().command))
            yield CliContext(settings, app)
        except (OperationalError, InterfaceError) as error:
            raise DependencyUnavailable(CLI_DATABASE_UNAVAILABLE) from error
        finally:
            close_identities(app)
