"""Addresses, commands and options keep their names: compared with the checked-in list."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from admin.app import create_app
from admin.cli import main
from admin.operations.settings import Settings
from tests.architecture.entry_point_list import assert_as_listed, command_line, routes


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The whole application, with no server behind it."""
    home: Path = tmp_path_factory.mktemp("home")
    return create_app(
        Settings.from_environment(
            {
                "MOYAI_HOME": str(home),
                "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/nothing",
                "KEYCLOAK_URL": "http://127.0.0.1:9",
            }
        )
    )


def test_every_address_is_as_listed_with_its_permission(app: Flask) -> None:
    assert_as_listed("routes", routes(app))


def test_every_command_and_option_is_as_listed(app: Flask) -> None:
    assert_as_listed("command line", command_line(app, main))
