"""The manifest of a backup: what was saved, of which installation and when; and the check of a folder against it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError

from governance.audit.files import key_id
from governance.kernel.digest import canonical
from governance.kernel.errors import Conflict, Message, message
from governance.kernel.models import ReadModel
from governance.kernel.private_files import write_private

MANIFEST: Final = "manifest.json"
AUDIT_KEY: Final = "private/audit.key"
AUDIT_TIPS: Final = "private/tips.json"
KEYS: Final = "private/keys"
SECRETS: Final = "private/secrets"
MOYAI_ARCHIVE: Final = "databases/moyai.dump"
KEYCLOAK_ARCHIVE: Final = "databases/keycloak.dump"

_FORM: Final = "moyai.backup"
_FORM_VERSION: Final = 1

NOT_A_FOLDER = message(
    "backup.not_a_folder",
    ja="バックアップのフォルダー {folder} がありません。",
    en="There is no folder {folder} with a backup.",
    hint_ja="moyai backup が作ったフォルダーを指定してください。",
    hint_en="Name a folder that `moyai backup` made.",
)
INCOMPLETE = message(
    "backup.incomplete",
    ja="{folder} には目録（manifest.json）がありません。空のフォルダーか、途中で切れたバックアップです。",
    en="{folder} has no manifest.json: it is empty, or a backup that was cut off.",
    hint_ja="moyai backup が最後まで終わったバックアップを使ってください。",
    hint_en="Use a backup that `moyai backup` finished.",
)
UNREADABLE = message(
    "backup.unreadable",
    ja="目録（{folder}/manifest.json）は、途中で切れているか、書き換えられています。",
    en="The manifest {folder}/manifest.json is cut off or was changed.",
    hint_ja="別のバックアップを使ってください。",
    hint_en="Use another backup.",
)
NEWER = message(
    "backup.newer",
    ja="このバックアップは、より新しい Moyai（{given}）で取得したものです。このプログラムは {own} です。",
    en="This backup was taken by a newer Moyai ({given}); this program is {own}.",
    hint_ja="{given} 以上の Moyai で復元してください。",
    hint_en="Restore it with Moyai {given} or later.",
)
SIGNED_BY_ANOTHER = message(
    "backup.signed_by_another",
    ja="目録の署名が、入っている監査記録の鍵と合いません。書き換えられたか、別の設置のファイルが混ざっています。",
    en="The manifest is not signed with the audit log's key beside it: it was changed, or files of another installation"
    " are among these.",
    hint_ja="databases、private、manifest.json が同じ時に取得したものかを確かめてください。",
    hint_en="See that databases, private and manifest.json were taken at the same time.",
)
NOT_READ = message(
    "backup.not_read",
    ja="{file} を読めません。理由: {answer}",
    en="{file} cannot be read: {answer}",
    hint_ja="Moyai を動かしている利用者で実行してください。",
    hint_en="Run it as the user that Moyai runs as.",
)
FILE_MISSING = message(
    "backup.file_missing",
    ja="バックアップに {path} がありません。",
    en="{path} is missing in the backup.",
    hint_ja="private を別に保管しているときは、元の場所に戻してから行ってください。",
    hint_en="Where `private` is kept elsewhere, put it back in its place first.",
)
FILE_CUT = message(
    "backup.file_cut",
    ja="バックアップの {path} は {expected} バイトのはずですが、{found} バイトです。",
    en="{path} in the backup has {found} bytes instead of {expected}.",
    hint_ja="別のバックアップを使ってください。",
    hint_en="Use another backup.",
)
FILE_CHANGED = message(
    "backup.file_changed",
    ja="バックアップの {path} の内容が、取得したときと異なります。",
    en="{path} in the backup is not what was saved.",
    hint_ja="別のバックアップを使ってください。",
    hint_en="Use another backup.",
)
FILE_UNKNOWN = message(
    "backup.file_unknown",
    ja="バックアップに、目録にないファイル {path} があります。",
    en="The backup holds {path}, which its manifest does not name.",
    hint_ja="そのファイルを除くか、別のバックアップを使ってください。",
    hint_en="Remove that file, or use another backup.",
)
OTHER_INSTALLATION = message(
    "backup.other_installation",
    ja="このバックアップは別の設置（{given}）のものです。求められているのは {expected} です。",
    en="This backup is of another installation ({given}); {expected} is asked for.",
    hint_ja="設置の番号は moyai backup DIR --check で確かめられます。",
    hint_en="`moyai backup DIR --check` shows which installation a backup is of.",
)


class BackupFile(ReadModel):
    """One file of a backup, by its path in the folder."""

    path: str
    bytes: int
    sha256: str


class StreamEnd(ReadModel):
    """The last seal of a tenant's stream of audit events."""

    stream: UUID
    sequence: int
    chain_hash: str


class SavedDatabase(ReadModel):
    """What a database held in the snapshot that was saved: rows by table, without those that are never saved."""

    server_version: str
    program_version: str
    rows: dict[str, int]


class SavedMoyai(SavedDatabase):
    """Moyai's own database: the schema's revision, posted entries by fiscal year, and the ends of the audit streams."""

    schema_revision: str
    entries: dict[str, int]
    heads: tuple[StreamEnd, ...]


class Manifest(ReadModel):
    """`manifest.json`. `installation` is the operator's id, `taken_at` the time of Moyai's snapshot in UTC.

    `audit_key` names the key of the audit log, and says nothing about it. `keycloak` is None for a Keycloak that
    Moyai does not run.
    """

    moyai_version: str
    taken_at: datetime
    installation: UUID
    audit_key: str
    moyai: SavedMoyai
    keycloak: SavedDatabase | None
    files: tuple[BackupFile, ...]

    @property
    def total_bytes(self) -> int:
        """The size of all files but the manifest."""
        return sum(file.bytes for file in self.files)


def own_version() -> str:
    """The version of this Moyai."""
    return version("moyai")


def describe(folder: Path) -> tuple[BackupFile, ...]:
    """Every file below the folder but its manifest, by its path."""
    return tuple(
        BackupFile(path=path, bytes=(folder / path).stat().st_size, sha256=_sha256(folder / path))
        for path in _paths(folder)
    )


def write_manifest(folder: Path, manifest: Manifest, key: bytes) -> None:
    """Write the manifest, signed with the key of the audit log. Raises OSError."""
    content = {"form": f"{_FORM}/{_FORM_VERSION}", **manifest.model_dump(mode="json")}
    signed = content | {"signature": _signature(key, content)}
    write_private(folder / MANIFEST, json.dumps(signed, ensure_ascii=False, indent=1) + "\n")


def check(folder: Path, *, known_revisions: frozenset[str], installation: UUID | None = None) -> Manifest:
    """The manifest of a backup that is whole, unchanged and not newer than this Moyai; nothing is written.

    `known_revisions` are those of this Moyai's schema. With `installation` a backup of another one is refused. Raises
    Conflict that says what is wrong with which file.
    """
    if not folder.is_dir():
        raise Conflict(NOT_A_FOLDER, field="DIR", folder=folder)
    if not (folder / MANIFEST).exists():
        raise _refusal(INCOMPLETE, folder=folder)
    content = read(folder / MANIFEST)
    manifest, given, signature = _parse(folder, content, known_revisions)
    _check_signature(folder, manifest, given, signature)
    if installation is not None and manifest.installation != installation:
        raise _refusal(OTHER_INSTALLATION, given=manifest.installation, expected=installation)
    for file in manifest.files:
        _check_file(folder, file)
    unknown = sorted(set(_paths(folder)) - {file.path for file in manifest.files})
    if unknown:
        raise _refusal(FILE_UNKNOWN, path=unknown[0])
    return manifest


def read(file: Path) -> bytes:
    """The content of a file. Raises Conflict that names it where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as trouble:
        raise Conflict(NOT_READ, file=file, answer=trouble.strerror) from trouble


def digest(folder: Path) -> str:
    """The SHA-256 of the manifest, in hexadecimal: a name of the backup."""
    return _sha256(folder / MANIFEST)


def _refusal(what: Message, **facts: object) -> Conflict:
    return Conflict(what, field="DIR", **facts)


def _parse(folder: Path, content: bytes, known_revisions: frozenset[str]) -> tuple[Manifest, dict[str, Any], str]:
    """The manifest, what of it is signed, and the signature."""
    try:
        given: dict[str, Any] = json.loads(content)
        form, signature = str(given["form"]), str(given.pop("signature"))
        by, revision = str(given["moyai_version"]), str(given["moyai"]["schema_revision"])
        canonical(given)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _refusal(UNREADABLE, folder=folder) from None
    name, _, number = form.partition("/")
    if name != _FORM or re.fullmatch(r"[0-9]{1,9}", number) is None:
        raise _refusal(UNREADABLE, folder=folder)
    if int(number) > _FORM_VERSION or _ordered(by) > _ordered(own_version()) or revision not in known_revisions:
        raise _refusal(NEWER, given=by, own=own_version())
    try:
        manifest = Manifest.model_validate_json(
            json.dumps({name: value for name, value in given.items() if name != "form"})
        )
    except ValidationError:
        raise _refusal(UNREADABLE, folder=folder) from None
    return manifest, given, signature


def _ordered(text: str) -> tuple[int, ...]:
    """A version's numbers, for comparing: 0.10 comes after 0.9."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _check_signature(folder: Path, manifest: Manifest, given: dict[str, Any], signature: str) -> None:
    if not (folder / AUDIT_KEY).exists():
        raise _refusal(FILE_MISSING, path=AUDIT_KEY)
    try:
        key = bytes.fromhex(read(folder / AUDIT_KEY).decode("ascii").strip())
    except ValueError:
        raise _refusal(FILE_CHANGED, path=AUDIT_KEY) from None
    stated = signature.encode(errors="replace")
    if key_id(key) != manifest.audit_key or not hmac.compare_digest(stated, _signature(key, given).encode()):
        raise _refusal(SIGNED_BY_ANOTHER)


def _check_file(folder: Path, file: BackupFile) -> None:
    path = folder / file.path
    if path.is_symlink() or not path.is_file():
        raise _refusal(FILE_MISSING, path=file.path)
    found = path.stat().st_size
    if found != file.bytes:
        raise _refusal(FILE_CUT, path=file.path, expected=file.bytes, found=found)
    if _sha256(path) != file.sha256:
        raise _refusal(FILE_CHANGED, path=file.path)


def _paths(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()]
    return sorted(path.relative_to(folder).as_posix() for path in found if path != folder / MANIFEST)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as trouble:
        raise Conflict(NOT_READ, file=path, answer=trouble.strerror) from trouble


def _signature(key: bytes, content: dict[str, Any]) -> str:
    return hmac.digest(key, f"{_FORM}/{_FORM_VERSION}\n".encode() + canonical(content), "sha256").hex()
