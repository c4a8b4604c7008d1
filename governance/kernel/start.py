"""Where the program begins: the packages that will be imported are Moyai's own, or it says which one is not.

Their names are plain words (`admin`, `billing`, …), and Moyai is on no public index: what an index, PYTHONPATH or the
present folder has under such a name is somebody else's. This module is below all others and imports none of them, so
that it can say so where another `admin` stands in the way.
"""

from __future__ import annotations

import base64
import hashlib
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("admin", "billing", "governance", "tenancy")
_DISTRIBUTION: Final = "moyai"
_ROOT: Final = Path(__file__).parents[2]


def main() -> None:
    """The command line, `moyai`; ends with exit code 1 and one sentence where a package is somebody else's.

    Nothing has been begun while it is imported, which takes part of a second: Ctrl-C then ends the process as it ends
    any program, without a traceback. Where SIGINT is ignored, as in the background of a script, it stays so.
    """
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    require_own_packages()
    # By its name: nothing down here knows what is above, and another `admin` must not be imported to be found out.
    command_line = import_module("admin.cli").main
    if usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line(prog_name="moyai")


def require_own_packages() -> None:
    """End the process with exit code 1 and one sentence on standard error where a package is somebody else's."""
    found = foreign_package()
    if found is not None:
        name, place = found
        sys.stderr.write(
            f"「{name}」という名前の、Moyai のものではないパッケージがあります（{place}）。"
            "取り除くか、Moyai だけの仮想環境に入れ直してください。"
            f" / The package “{name}” at {place} is not Moyai's own: remove it, or install Moyai in an environment of"
            " its own.\n"
        )
        raise SystemExit(1)


def foreign_package() -> tuple[str, str] | None:
    """The first of the four packages that is not Moyai's own, and where it is; None where all are.

    They are in the folder that this file is from: that of the installed distribution, of an editable installation or of
    a source tree. Where the distribution is installed there, its list of files (RECORD, PEP 376) has their hashes too.
    """
    hashes = _recorded_hashes()
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            return name, "?"
        if spec.origin is None:
            return name, next(iter(spec.submodule_search_locations or ()), "?")
        place, own = Path(spec.origin), _ROOT / name / "__init__.py"
        if place.resolve() != own.resolve():
            return name, str(place.parent)
        if name in hashes and hashes[name] != _hash_of(place):
            return name, str(place.parent)
    return None


def _recorded_hashes() -> Mapping[str, str]:
    """Package → the hash of its `__init__.py` as it was installed; empty where none is recorded beside this file."""
    hashes = {}
    for distribution in distributions(name=_DISTRIBUTION, path=[str(_ROOT)]):
        for line in (distribution.read_text("RECORD") or "").splitlines():
            name, _, rest = line.partition("/__init__.py,sha256=")
            if name in PACKAGES:
                hashes[name] = rest.partition(",")[0]
    return hashes


def _hash_of(file: Path) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
