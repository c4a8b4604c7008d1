"""The theme of Keycloak's pages and mails: files of this package, read by Keycloak from a folder of themes.

https://www.keycloak.org/ui-customization/themes
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from governance.kernel.errors import Conflict, message

THEME: Final = "moyai"
THEME_KINDS: Final = ("login", "email")
"""The kinds of pages it covers, as Keycloak names them."""

THEMES_FOLDER: Final = Path(__file__).with_name("themes")
"""The folder that holds the theme's own, as Keycloak's option `spi-theme--folder--dir` takes it."""

FOLDER_TAKEN = message(
    "keycloak.theme_folder_taken",
    ja="{folder} は、このコマンドが作ったテーマではないため、置き換えません。",
    en="{folder} is not a theme that this command made, so it is not replaced.",
    hint_ja="ほかの場所を指定するか、中身を確かめて {folder} を移してください。",
    hint_en="Name another place, or look at {folder} and move it away.",
)
_MARK: Final = "login/messages/messages_ja.properties"


def write_theme(folder: Path) -> Path:
    """Write the theme into a folder of themes, in place of an earlier one of ours; returns where it is.

    Raises Conflict where something else has its name.
    """
    target = folder / THEME
    if target.exists():
        if not (target / _MARK).is_file():
            raise Conflict(FOLDER_TAKEN, folder=str(target))
        shutil.rmtree(target)
    shutil.copytree(THEMES_FOLDER / THEME, target, copy_function=shutil.copyfile)
    return target
