"""Secrets of an embedded installation: made once, kept in `MOYAI_HOME/secrets`, readable by their owner only.

They never stand on a command line or in a log; whoever deletes the home deletes them with what they opened.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path


def load_or_create(folder: Path, name: str, keys: Sequence[str]) -> Mapping[str, str]:
    """The secrets of file `name`, one for each of `keys`; those not there yet are made (192 bits each)."""
    found = read(folder, name)
    missing = {key: secrets.token_urlsafe(24) for key in keys if key not in found}
    if not missing:
        return found
    complete = found | missing
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    unfinished = folder / f".{name}.{os.getpid()}"
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(complete, file)
    unfinished.replace(folder / f"{name}.json")
    return complete


def read(folder: Path, name: str) -> dict[str, str]:
    """The secrets of file `name`; empty when there is none yet."""
    try:
        return dict(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
