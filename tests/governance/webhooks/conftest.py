"""Webhooks that two people set, with a key from which their secrets are derived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from governance.audit.files import AuditFiles
from governance.audit.seal import seal
from governance.derived_secrets import SECRETS_KEY
from tests.actors import Actors
from tests.webhooks import Webhooks


@pytest.fixture
def files(tmp_path: Path) -> AuditFiles:
    return AuditFiles(tmp_path / "keys" / "audit.key", tmp_path / "audit" / "tips.json")


@pytest.fixture
def hooks(database: Flask, actors: Actors, files: AuditFiles) -> Iterator[Webhooks]:
    seal(files)
    SECRETS_KEY.set(database, files.read_key)
    yield Webhooks(actors)
    SECRETS_KEY.set(database, lambda: None)
