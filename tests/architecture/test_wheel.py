"""The built wheel: all that lies in the four packages is in it, and it runs where the repository is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests import servers

ROOT = Path(__file__).parents[2]
PACKAGES = ("admin", "tenancy", "billing", "governance")
Run = Callable[..., str]
pytestmark = pytest.mark.slow
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"


def _run(*command: str, cwd: Path, **variables: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    done = subprocess.run(command, cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    return _run("git", "ls-files", cwd=ROOT).splitlines()


@pytest.fixture(scope="module")
def wheel(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without network, from a copy of what is tracked."""
    source = tmp_path_factory.mktemp("source")
    for name in tracked:
        if name.startswith(tuple(f"{package}/" for package in PACKAGES)) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    _run(sys.executable, "-c", build, str(source / "dist"), cwd=source)
    (built,) = (source / "dist").glob("moyai-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a program of a fresh environment that holds the wheel and, beside it, the libraries of this one."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    programs = folder / "venv" / "bin"
    _run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(programs / "python")),
        *("install", "--quiet", "--no-index", "--no-deps", str(wheel)),
        cwd=folder,
    )
    (site_packages,) = (folder / "venv" / "lib").glob("python3.*/site-packages")
    # A path line only: the .pth files of that folder, which lead to this repository, are not read.
    (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return lambda program, *arguments, **variables: _run(str(programs / program), *arguments, cwd=folder, **variables)


def test_everything_tracked_in_the_packages_is_in_the_wheel(wheel: Path, tracked: list[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert held == {name for name in tracked if name.startswith(tuple(f"{package}/" for package in PACKAGES))}


def test_the_installed_wheel_says_its_version(installed: Run) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert version in installed("moyai", "--version")


def test_the_installed_wheel_migrates_a_database(
    installed: Run, postgresql: servers.PostgreSQL, database_name: str
) -> None:
    with psycopg.connect(servers.libpq(postgresql.superuser_url), autocommit=True) as administrator:
        administrator.execute("DROP DATABASE IF EXISTS moyai_wheel")
        administrator.execute('CREATE DATABASE moyai_wheel OWNER moyai_owner TEMPLATE "template0"')
    migrate = (
        "import sys, admin; from admin.migrations.apply import migrate_url; migrate_url(sys.argv[1]); "
        "print(admin.__file__)"
    )

    place = installed("python", "-c", migrate, postgresql.owner_url("moyai_wheel"))

    assert not Path(place.strip()).is_relative_to(ROOT)
    with (
        psycopg.connect(servers.libpq(postgresql.owner_url("moyai_wheel"))) as migrated,
        psycopg.connect(servers.libpq(postgresql.owner_url(database_name))) as ours,
    ):
        assert migrated.execute(_TABLES).fetchall() == ours.execute(_TABLES).fetchall()
