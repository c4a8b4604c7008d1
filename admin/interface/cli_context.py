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
from admin.interface.keycloak_port import close_identities
from admin.interface.permitted import permission_of
from admin.operations.settings import Settings
from governance.actors import Actor, command_line_actor
from governance.commands import require, system_transaction
from governance.kernel.database import OPERATOR
from governance.kernel.errors import DependencyUnavailable, message
from tenancy import directory

CLI_DATABASE_UNAVAILABLE = message(
    "cli.database_unavailable",
    ja="データベースに接続できません。",
    en="The database cannot be reached.",
    hint_ja="moyai status で状態を確かめ、moyai up で起動してください。",
    hint_en="Check with `moyai status`; start it with `moyai up`.",
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


@contextmanager
def app_context() -> Iterator[CliContext]:
    """Enter the application as the environment describes it. An unreachable database raises DependencyUnavailable."""
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
