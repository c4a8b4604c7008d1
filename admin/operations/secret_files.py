"""Secrets of an embedded installation: made once, kept in `MOYAI_HOME/secrets`, readable by their owner only.

They are never on a command line or in a log.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from governance.kernel.private_files import write_private


def load_or_create(folder: Path, name: str, keys: Sequence[str]) -> Mapping[str, str]:
    """The secrets of file `name`, one for each of `keys`; missing ones are generated (192 bits each)."""
    found = read(folder, name)
    missing = {key: secrets.token_urlsafe(24) for key in keys if key not in found}
    if not missing:
        return found
    complete = found | missing
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    write_private(folder / f"{name}.json", json.dumps(complete))
    return complete


def read(folder: Path, name: str) -> dict[str, str]:
    """The secrets of file `name`; empty when there is none yet."""
    try:
        return dict(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
