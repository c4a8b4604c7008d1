"""Files that hold secrets: readable by their owner alone, and there whole or not at all, also after a power cut."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


def write_private(path: Path, content: bytes | str, *, replace: bool = True) -> bool:
    """Write a file of mode 0600 in one step: written beside its place, synced, and moved there. Text is UTF-8.

    A folder that is missing is made with mode 0700. With `replace=False` a file that is there already stays, also one
    that another process has just written; returns whether this content is the one that is there now.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails where a file is there; a rename would replace it.
            os.replace(unfinished, path) if replace else os.link(unfinished, path)
        except FileExistsError:
            return False
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def private_log(path: Path) -> BinaryIO:
    """Open a file for appending, mode 0600 from its first byte on; one that is there already is given that mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "ab")


@contextmanager
def private_lock(path: Path) -> Iterator[None]:
    """Let one process, and one thread in it, at a time be inside: flock(2) on a file of mode 0600, which stays."""
    with private_log(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sync_folder(folder: Path) -> None:
    """Put a folder on the disk: a new name in it outlives a power cut only from then on (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
