"""Running a server as `nobody` when we are root, wherever its files stand.

PostgreSQL refuses to run as root. Started by root it becomes `nobody`, who may not pass through a folder that only root
may enter (a checkout below /root, a `mktemp -d`). Opening such folders to everybody would be a change to somebody
else's files; instead the server keeps one Linux capability, to search and read (CAP_DAC_READ_SEARCH, or
CAP_DAC_OVERRIDE where a container has no other), and only where it is needed.

This file is also run by itself, as the step between root and the server: `unprivileged.py UID GID CAPABILITY COMMAND…`
gives root up and becomes the command. So it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

NO_CAPABILITY = -1
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2

_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user a server runs as."""

    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """`nobody` when we are root; None when we are an ordinary user and servers simply run as ourselves."""
    if os.geteuid() != 0:
        return None
    import pwd

    nobody = pwd.getpwnam("nobody")
    return ServerUser(nobody.pw_uid, nobody.pw_gid)


def is_traversable(folder: Path) -> bool:
    """Whether a stranger may reach what stands in `folder`: the folder and all above it let others pass."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents))


def searching_capability() -> int | None:
    """The least capability we hold that passes closed folders; None when we hold neither, or not on Linux."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return None
    permitted = next(int(line.split()[1], 16) for line in lines if line.startswith("CapPrm:"))
    return next((held for held in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if permitted >> held & 1), None)


def command_as(user: ServerUser, capability: int, command: list[str]) -> list[str]:
    """The command line that gives up root, keeps `capability` (or NO_CAPABILITY) and becomes `command`."""
    # -I and -S: nothing of the environment or of site-packages runs while we are still root.
    itself = [sys.executable, "-I", "-S", __file__]
    return [*itself, str(user.uid), str(user.gid), str(capability), *command]


def _drop_privileges(user: ServerUser, capability: int) -> None:
    """Give up root for good. Raises OSError when the kernel refuses any step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if capability != NO_CAPABILITY:
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(user.gid)
    os.setuid(user.uid)
    if capability != NO_CAPABILITY:
        header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
        # Effective, permitted and inheritable, low word then high word: this one capability and no other.
        only = 1 << capability
        sets = (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)
        _checked(libc.capset(ctypes.byref(header), ctypes.byref(sets)))
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _checked(answer: int) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    _drop_privileges(ServerUser(int(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3]))
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - no shell between: that is the point
