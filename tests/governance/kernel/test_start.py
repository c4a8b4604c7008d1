"""A foreign package with the name of one of ours: one sentence and an exit code, before anything of it is run."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest

from governance.kernel.start import PACKAGES, foreign_package

ROOT = Path(__file__).parents[3]
AS_THE_SCRIPT = ("-c", "from governance.kernel.start import main; main()")


def _run(*words: str, before: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    variables = os.environ | {"PYTHONPATH": f"{before}{os.pathsep}{ROOT}"}
    return subprocess.run([sys.executable, *words], cwd=cwd, env=variables, capture_output=True, text=True)


def _plant(folder: Path, name: str) -> Path:
    """A package of that name which says so when it is imported."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("print('foreign code runs')\n", encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("name", ["admin", "billing", "tenancy"])
def test_a_foreign_package_is_named_and_nothing_of_it_is_run(tmp_path: Path, name: str) -> None:
    planted = _plant(tmp_path / "before", name)

    answer = _run(*AS_THE_SCRIPT, "--version", before=tmp_path / "before", cwd=tmp_path)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.count("\n") == 1
    assert f"“{name}” at {planted}" in answer.stderr
    assert f"「{name}」" in answer.stderr


@pytest.mark.parametrize("words", [("-m", "admin.cli", "status"), ("-c", "import admin.asgi")])
def test_what_moyai_starts_itself_looks_too(tmp_path: Path, words: tuple[str, ...]) -> None:
    _plant(tmp_path / "before", "billing")

    answer = _run(*words, before=tmp_path / "before", cwd=tmp_path)

    assert (answer.returncode, answer.stdout) == (1, "")
    assert "“billing”" in answer.stderr


def test_with_its_own_packages_it_starts_wherever_it_is_called(tmp_path: Path) -> None:
    answer = _run(*AS_THE_SCRIPT, "--version", before=tmp_path, cwd=tmp_path)

    assert (answer.returncode, answer.stderr) == (0, "")
    assert "moyai" in answer.stdout
    assert foreign_package() is None


def test_a_folder_without_any_module_is_foreign_too_and_so_is_a_missing_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = {name: find_spec(name) for name in PACKAGES}
    folder = ModuleSpec("tenancy", None, is_package=True)
    folder.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr("governance.kernel.start.find_spec", {**found, "tenancy": folder}.get)
    assert foreign_package() == ("tenancy", str(tmp_path))

    monkeypatch.setattr("governance.kernel.start.find_spec", {**found, "tenancy": None}.get)
    assert foreign_package() == ("tenancy", "?")


@pytest.mark.parametrize("overwritten", [None, "admin", "governance"])
def test_a_file_that_another_distribution_put_over_ours_is_noticed(tmp_path: Path, overwritten: str | None) -> None:
    lines = []
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        content = shutil.copyfile(ROOT / name / "__init__.py", tmp_path / name / "__init__.py").read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name}/__init__.py,sha256={digest},{len(content)}")
    (tmp_path / "governance" / "kernel").mkdir()
    for name in ("__init__.py", "start.py"):
        shutil.copyfile(ROOT / "governance" / "kernel" / name, tmp_path / "governance" / "kernel" / name)
    described = tmp_path / "moyai-0.3.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: moyai\nVersion: 0.3.0\n", encoding="utf-8")
    (described / "RECORD").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if overwritten is not None:
        (tmp_path / overwritten / "__init__.py").write_text("", encoding="utf-8")

    look = "from governance.kernel.start import foreign_package; print((foreign_package() or ['ours'])[0])"
    answer = subprocess.run(
        [sys.executable, "-S", "-c", look],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == (overwritten or "ours")
