"""The command line on the test's database: before anybody is registered, and with the operator."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask

from tests.admin.cli.command_line import Moyai
from tests.servers import PostgreSQL


@pytest.fixture
def moyai_unused(postgresql: PostgreSQL, database: Flask, database_name: str, tmp_path: Path) -> Moyai:
    """An installation that nobody has used yet."""
    return Moyai({"MOYAI_HOME": str(tmp_path / "home"), **postgresql.urls(database_name)})


@pytest.fixture
def moyai(moyai_unused: Moyai, operator_tenant: UUID) -> Moyai:
    """An installation with 熊本県 as its operator."""
    return moyai_unused
