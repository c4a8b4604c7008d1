"""A training installation: marked in its home from its first start on, and the only kind that may be emptied."""

from __future__ import annotations

import shutil
from typing import Final

from admin.operations import keycloak_distribution
from admin.operations.settings import Settings, variable_of
from governance.kernel.errors import Conflict, message

_TEXT: Final = "A training installation of Moyai: `moyai training reset` deletes all of it.\n"
_FOLDERS_OF_A_START: Final = frozenset({"run", "logs"})
"""What is in a home before anything is started."""

NOT_SET: Final = message(
    "training.not_set",
    ja="研修環境だけの操作です。何も消していません。",
    en="This is for a training installation only. Nothing was deleted.",
    hint_ja="研修環境では、専用の MOYAI_HOME と MOYAI_TRAINING=1 を設定します（docs/OPERATING.md）。",
    hint_en="A training installation has a MOYAI_HOME of its own and MOYAI_TRAINING=1 (docs/OPERATING.md).",
)
NOT_A_TRAINING_HOME: Final = message(
    "training.other_installation",
    ja="{home} は研修環境ではありません。何も始めず、何も消していません。",
    en="{home} is no training installation. Nothing was started and nothing deleted.",
    hint_ja="研修環境には、まだ何も入っていない MOYAI_HOME を指定してください。",
    hint_en="Name a MOYAI_HOME in which there is nothing yet.",
)
IS_TRAINING: Final = message(
    "training.is_training",
    ja="{home} は研修環境です。",
    en="{home} is a training installation.",
    hint_ja="研修環境として使うときは MOYAI_TRAINING=1 を、実際の運用には別の MOYAI_HOME を指定してください。",
    hint_en="Set MOYAI_TRAINING=1 to use it as one, or name another MOYAI_HOME for real work.",
)


def mark_training(settings: Settings) -> None:
    """Mark an empty home as a training installation's, or check that a home is what the settings say.

    Raises Conflict where the settings say training and the home holds anything else, and the other way round.
    """
    marked = settings.training_mark.is_file()
    if marked and not settings.training:
        raise Conflict(IS_TRAINING, field=variable_of("training"), home=settings.home)
    if settings.training and not marked:
        if _holds_anything(settings):
            raise Conflict(NOT_A_TRAINING_HOME, field=variable_of("home"), home=settings.home)
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
        settings.training_mark.write_text(_TEXT, encoding="utf-8")


def check_may_be_emptied(settings: Settings) -> None:
    """Raises Conflict unless this is a training installation, by its settings and by the mark in its home."""
    if not settings.training:
        raise Conflict(NOT_SET, field=variable_of("training"))
    mark_training(settings)


def delete_contents(settings: Settings) -> None:
    """Delete everything of a stopped training installation but its mark and the built Keycloak.

    The mark goes never, so that what was cut off can be done again. Raises Conflict for any other installation.
    """
    check_may_be_emptied(settings)
    for entry in settings.home.iterdir():
        if entry == settings.training_mark or entry.name == "run" or keycloak_distribution.is_kept(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _holds_anything(settings: Settings) -> bool:
    if not settings.home.is_dir():
        return False
    return any(
        entry.name not in _FOLDERS_OF_A_START and not keycloak_distribution.is_kept(entry.name)
        for entry in settings.home.iterdir()
    )
