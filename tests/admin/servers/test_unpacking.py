"""Keycloak's archive is unpacked alike, and with the same refusals, by every Python here that Moyai supports."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SUPPORTED = range(11, 14)
UNPACK = """
import json, sys
from pathlib import Path
from admin.operations.keycloak_distribution import unpack
from governance.kernel.errors import Conflict
answers = {}
for archive in map(Path, sys.argv[1:]):
    target = archive.with_suffix("")
    try:
        unpack(archive, target)
        files = [path for path in sorted(target.rglob("*")) if path.is_file()]
        answers[archive.stem] = {str(path.relative_to(target)): oct(path.stat().st_mode & 0o777) for path in files}
    except Conflict as refused:
        answers[archive.stem] = refused.message.code
print(json.dumps(answers))
"""


def _archive(path: Path, *members: tarfile.TarInfo) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def _file(name: str, *, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uid, member.gid = 3, mode, 4711, 4711
    return member


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


PLAIN = (
    _file("keycloak-1/version.txt", mode=0o666),
    _file("keycloak-1/bin/kc.sh", mode=0o775),
    _file("keycloak-1/lib/app.jar"),
)
LEADING_OUT = {
    "name": _file("keycloak-1/../../outside"),
    "absolute-link": _link("keycloak-1/link", "/etc/passwd"),
    "link": _link("keycloak-1/link", "../../outside"),
    "hard-link": _link("keycloak-1/link", "../../outside", tarfile.LNKTYPE),
    "device": _link("keycloak-1/device", "", tarfile.CHRTYPE),
}


@pytest.mark.slow
def test_every_python_unpacks_plain_files_and_refuses_what_leads_out(subtests: pytest.Subtests, tmp_path: Path) -> None:
    for version, interpreter in _interpreters().items():
        with subtests.test(version):
            _assert_unpacks(interpreter, tmp_path / version)


def _assert_unpacks(interpreter: str, tmp_path: Path) -> None:
    tmp_path.mkdir()
    archives = [_archive(tmp_path / "inner" / "plain.tgz", *PLAIN)]
    archives += [_archive(tmp_path / "inner" / f"{name}.tgz", *PLAIN, member) for name, member in LEADING_OUT.items()]

    done = subprocess.run(
        [interpreter, "-c", UNPACK, *map(str, archives)],
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "plain": {"bin/kc.sh": "0o755", "lib/app.jar": "0o644", "version.txt": "0o644"},
        **dict.fromkeys(LEADING_OUT, "servers.keycloak_unsafe_archive"),
    }
    assert (tmp_path / "inner" / "plain" / "version.txt").stat().st_uid == os.geteuid()
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    assert not any((tmp_path / "inner" / name).exists() for name in LEADING_OUT)


def test_the_versions_that_work_are_stated_alike_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = {name.rpartition(" ")[2] for name in project["classifiers"] if "Python :: 3." in name}

    assert project["requires-python"] == ">=" + min(stated, key=lambda version: int(version[2:]))
    for page in ("README.md", "README.ja.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert set(re.findall(r"\b3\.\d\d\b(?!\.)", text)) == stated, page
    # What runs these tests is one of them.
    assert f"3.{sys.version_info.minor}" in stated


def _interpreters() -> dict[str, str]:
    """Every supported Python here by its whole version: ours, the system's, and those on PATH or in pyenv."""
    candidates = [sys.executable, shutil.which("python3", path=os.defpath)]
    candidates += [shutil.which(f"python3.{minor}") for minor in SUPPORTED]
    if pyenv := shutil.which("pyenv"):
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        candidates += map(str, sorted(Path(root).glob("versions/3.*/bin/python3")))
    found: dict[str, str] = {}
    for candidate in filter(None, candidates):
        asked = [candidate, "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))"]
        version = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        if version.startswith("3.") and int(version.split(".")[1]) in SUPPORTED:
            found.setdefault(version, candidate)
    return found
