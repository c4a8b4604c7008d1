"""As which user of the operating system an installation may run."""

from __future__ import annotations

import os

from admin.operations.settings import Settings
from governance.kernel.errors import Conflict, message

AS_ROOT = message(
    "servers.as_root",
    ja="例示データの環境（MOYAI_EXAMPLE=1）のほかでは、root で実行できません。何も始めていません。",
    en="Moyai does not run as root except in the example (MOYAI_EXAMPLE=1); nothing was begun.",
    hint_ja="MOYAI_HOME の所有者など、root ではない利用者で実行してください。例: runuser -u moyai -- moyai up",
    hint_en="Run it as the user who owns MOYAI_HOME, such as `runuser -u moyai -- moyai up`.",
)


def refuse_root(settings: Settings) -> None:
    """Raise Conflict where this process is root's, by its real or effective uid, and it is not the example's."""
    if not settings.example and 0 in (os.getuid(), os.geteuid()):
        raise Conflict(AS_ROOT)
