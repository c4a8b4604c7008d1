"""The units of docs/operations: accepted by systemd, hardened, and each with no more passwords than it needs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from admin.features import cli_commands
from tests.programs import required

FOLDER: Final = Path(__file__).parents[3] / "docs" / "operations" / "systemd"
HARDENING: Final = FOLDER / "moyai-.service.d" / "hardening.conf"
UNITS: Final = sorted(unit.name for unit in FOLDER.glob("*.service"))
MAX_EXPOSURE: Final = 30
"""Of systemd's scale, in tenths: 3.0."""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A file system in which the units are installed, and the programs that they start."""
    shutil.copytree(FOLDER, tmp_path / "etc" / "systemd" / "system")
    vendors = tmp_path / "usr" / "lib" / "systemd" / "system"
    vendors.mkdir(parents=True)
    for target in Path("/lib/systemd/system").glob("*.target"):
        shutil.copyfile(target, vendors / target.name)
    for program in ("opt/moyai/bin/moyai", "opt/keycloak/server/bin/kc.sh", "bin/sh"):
        path = tmp_path / program
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    program = required("systemd-analyze", "systemd")
    return subprocess.run([program, "--no-pager", *words], capture_output=True, text=True, check=False)


def _instance(unit: str) -> str:
    return unit.replace("@.", "@8700.")


def _texts() -> dict[str, str]:
    return {unit: (FOLDER / unit).read_text(encoding="utf-8") for unit in UNITS}


def test_there_is_a_unit_for_each_process_and_the_backup_has_its_timer() -> None:
    assert UNITS == [
        "keycloak.service",
        "moyai-backup.service",
        "moyai-migrate.service",
        "moyai-web@.service",
        "moyai-worker.service",
    ]
    started = {unit: re.findall(r"/opt/moyai/bin/moyai (\w+)", text) for unit, text in _texts().items()}
    assert started == {
        "keycloak.service": [],
        "moyai-backup.service": ["backup"],
        "moyai-migrate.service": ["migrate"],
        "moyai-web@.service": ["web"],
        "moyai-worker.service": ["worker"],
    }
    assert {word for words in started.values() for word in words} <= cli_commands().keys()
    assert (FOLDER / "moyai-backup.timer").is_file()


def test_systemd_accepts_every_unit(host: Path) -> None:
    units = [*map(_instance, UNITS), "moyai-backup.timer"]

    done = _analyze("verify", "--man=no", f"--root={host}", *units)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_no_unit_is_exposed_more_than_systemd_calls_ok(host: Path, unit: str) -> None:
    words = ("security", "--offline=yes", f"--root={host}", f"--threshold={MAX_EXPOSURE}", _instance(unit))

    done = _analyze(*words)

    assert done.returncode == 0, done.stdout.splitlines()[-1] + done.stderr
    if unit.startswith("moyai-"):
        (host / "etc" / "systemd" / "system" / HARDENING.relative_to(FOLDER)).unlink()
        assert _analyze(*words).returncode != 0, "the file for all of them is not read"


def test_what_serves_is_given_no_password_of_the_owner_the_backup_or_the_administrator() -> None:
    given = {unit: re.findall(r"^EnvironmentFile=(\S+)", text, re.MULTILINE) for unit, text in _texts().items()}

    assert given == {
        "keycloak.service": ["/etc/keycloak/keycloak.env"],
        "moyai-backup.service": ["/etc/moyai/backup.env"],
        "moyai-migrate.service": ["/etc/moyai/migrate.env"],
        "moyai-web@.service": [],
        "moyai-worker.service": [],
    }
    common = HARDENING.read_text(encoding="utf-8")
    assert re.findall(r"^EnvironmentFile=(\S+)", common, re.MULTILINE) == ["/etc/moyai/moyai.env"]
    assert re.findall(r"^User=(\S+)", common, re.MULTILINE) == ["moyai"]
