"""htmx, the only third-party script of the console: fetched when Moyai starts, and stored.

It comes as the WebJar `org.webjars.npm:htmx.org` from the Maven registry through `jgo` and must have the digest written
here. Without it every page works; progress is then reloaded by a link.
"""

from __future__ import annotations

import hashlib
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from admin.operations import embedded_packages
from governance.kernel.errors import Conflict, DependencyUnavailable, message

VERSION: Final = "2.0.10"
SHA256: Final = "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de"
"""Of the script itself, not of the archive around it."""

_INSIDE: Final = f"META-INF/resources/webjars/htmx.org/{VERSION}/dist/htmx.min.js"

HTMX_NOT_FETCHED = message(
    "console.htmx_not_fetched",
    ja="htmx {version} を取得できませんでした（{answer}）。画面は使えますが、進み具合は自動で更新されません。",
    en="htmx {version} could not be fetched ({answer}). All pages work; progress does not update by itself.",
    hint_ja="Maven リポジトリへの接続を確かめて、もう一度起動してください。",
    hint_en="Check the connection to the Maven repository and start again.",
)
NO_FETCHER = message(
    "console.htmx_no_fetcher",
    ja="htmx {version} がありません。画面は使えますが、進み具合は自動で更新されません。",
    en="There is no htmx {version}. All pages work; progress does not update by itself.",
    hint_ja="moyai[embedded] をインストールするか、htmx {version} の htmx.min.js を {place} に置いてください。",
    hint_en="Install moyai[embedded], or put htmx.min.js of htmx {version} at {place}.",
)
WRONG_DIGEST = message(
    "console.htmx_wrong_digest",
    ja="取得した htmx {version} の SHA-256 が {given} です。正しくは {expected} なので使いません。",
    en="The fetched htmx {version} has SHA-256 {given}; it should be {expected}, so it is not used.",
)


def script_below(home: Path) -> Path:
    """Where the script is kept below MOYAI_HOME, fetched or not."""
    return home / "assets" / f"htmx-{VERSION}.min.js"


def fetch(home: Path) -> Path:
    """The script below MOYAI_HOME: the one that is there, if it has the right digest, else fetched.

    Raises Conflict without the fetcher of `moyai[embedded]` and for a wrong digest, DependencyUnavailable when the
    registry does not answer.
    """
    kept = script_below(home)
    if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == SHA256:
        return kept
    if find_spec(embedded_packages.FETCHER) is None:
        raise Conflict(NO_FETCHER, version=VERSION, place=str(kept))
    from jgo.maven import MavenContext

    try:
        component = MavenContext().project("org.webjars.npm", "htmx.org").at_version(VERSION)
        archive = component.artifact(packaging="jar").resolve()
        if archive is None:
            raise FileNotFoundError("not found")
        with zipfile.ZipFile(archive) as jar:
            script = jar.read(_INSIDE)
    except Exception as trouble:  # jgo raises whatever its HTTP and XML libraries raise
        raise DependencyUnavailable(HTMX_NOT_FETCHED, version=VERSION, answer=type(trouble).__name__) from trouble
    given = hashlib.sha256(script).hexdigest()
    if given != SHA256:
        raise Conflict(WRONG_DIGEST, version=VERSION, given=given, expected=SHA256)
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".growing")
    partial.write_bytes(script)
    partial.rename(kept)
    return kept
