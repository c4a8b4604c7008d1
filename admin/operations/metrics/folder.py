"""The folder in which the web processes of one port keep what they count. Imports nothing: the supervisor needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder for prometheus-client, which reads it once, when it is imported."""


def prepare_folder(folder: Path) -> None:
    """Make the folder (mode 0700) and remove the figures of processes that ended. Before the first process starts."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)
