"""The schema's version: what this code was written for, and whether a database has it. Imports no migration tool."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from governance.kernel.errors import Conflict, message

LOCK_KEY = 7_052_026_001
"""The advisory lock that one migration at a time holds, in the database it migrates."""

SCHEMA_MISSING = message(
    "schema.missing",
    ja="データベースに Moyai の表がまだありません（必要な版 {wanted}）。",
    en="The database has no tables of Moyai yet (version {wanted} is needed).",
    hint_ja="MOYAI_MIGRATION_URL を設定して moyai migrate を実行してください。",
    hint_en="Set MOYAI_MIGRATION_URL and run `moyai migrate`.",
)
SCHEMA_OLDER = message(
    "schema.older",
    ja="データベースの表は版 {found} で、このプログラムには版 {wanted} が必要です。",
    en="The tables are of version {found}; this program needs version {wanted}.",
    hint_ja="ほかのプロセスを止め、MOYAI_MIGRATION_URL を設定して moyai migrate を実行してください。",
    hint_en="Stop the other processes, set MOYAI_MIGRATION_URL and run `moyai migrate`.",
)
SCHEMA_NEWER = message(
    "schema.newer",
    ja="データベースの表は版 {found} で、このプログラム（版 {wanted}）より新しいものです。",
    en="The tables are of version {found}, newer than this program (version {wanted}).",
    hint_ja="このプログラムを止めたまま、新しい版に入れ替えてください。戻すときは、バックアップから復元します。",
    hint_en="Leave this program stopped and install the newer release; to go back, restore the backup.",
)


@cache
def newest_version() -> str:
    """The version this code was written for, such as "0014": the number of its last migration."""
    return max(path.name[:4] for path in (Path(__file__).parents[1] / "migrations" / "versions").glob("[0-9]*.py"))


def require_version(found: str | None) -> None:
    """Raise Conflict unless a database's version (None: no table yet) is the one this code was written for."""
    wanted = newest_version()
    if found is None:
        raise Conflict(SCHEMA_MISSING, wanted=wanted)
    if found != wanted:
        raise Conflict(SCHEMA_OLDER if found < wanted else SCHEMA_NEWER, found=found, wanted=wanted)
