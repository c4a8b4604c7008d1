"""Which files an application may carry: told from their first bytes, never from what the sender calls them. Pure."""

from __future__ import annotations

import io
import os
import unicodedata
import zipfile
from typing import Final

from governance.kernel.errors import Invalid, message

MAX_SIZE: Final = 3 * 1024 * 1024
"""Bytes of one file; with the form around it, it is below the largest body."""
MAX_FILES: Final = 10
_MAX_NAME: Final = 100
_MAX_ENDING: Final = 10

EMPTY_FILE = message(
    "application.empty_file",
    ja="ファイルが選ばれていないか、空です。",
    en="No file was chosen, or it is empty.",
)
FILE_TOO_LARGE = message(
    "application.file_too_large",
    ja="「{given}」は大きすぎます（{size} MB）。1 ファイルは {most} MB までです。",
    en="{given} is too large ({size} MB); a file may have up to {most} MB.",
)
FILE_OF_ANOTHER_KIND = message(
    "application.file_of_another_kind",
    ja="「{given}」は受け付けられない種類のファイルです。",
    en="{given} is not a kind of file that is taken.",
    hint_ja="PDF、PNG、JPEG、Word、Excel を添付できます。マクロ付きのファイルは受け付けません。",
    hint_en="PDF, PNG, JPEG, Word and Excel are taken; no file with macros.",
)
TOO_MANY_FILES = message(
    "application.too_many_files",
    ja="添付は {most} ファイルまでです。",
    en="An application may have up to {most} files.",
)

_SIGNATURES: Final = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_OFFICE: Final = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SPREADSHEET: Final = _OFFICE["xl/workbook.xml"]
_ENDINGS: Final = {
    "application/pdf": (".pdf",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    _OFFICE["word/document.xml"]: (".docx",),
    SPREADSHEET: (".xlsx",),
}
ACCEPTED: Final = ",".join(ending for endings in _ENDINGS.values() for ending in endings)
"""For the `accept` of a file field."""


def file_name(given: str) -> str:
    """The name of a file without folders and without characters that a file system or a header minds."""
    name = given.replace("\\", "/").rpartition("/")[2]
    name = "".join(one for one in name if unicodedata.category(one)[0] != "C" and one not in '<>:"|?*;').strip(" .")
    stem, ending = os.path.splitext(name)
    return f"{stem[:_MAX_NAME]}{ending[:_MAX_ENDING]}" or "file"


def media_type_of(content: bytes, name: str) -> str:
    """The media type of a file that may be attached.

    Raises Invalid for an empty file, one above MAX_SIZE, and one whose content is none of the kinds taken or does not
    fit its name's ending: `invoice.exe` that begins as a PDF does is refused.
    """
    if not content:
        raise Invalid(EMPTY_FILE, field="content")
    if len(content) > MAX_SIZE:
        size = f"{len(content) / 1024 / 1024:.1f}"
        raise Invalid(FILE_TOO_LARGE, field="content", given=name, size=size, most=MAX_SIZE // 1024 // 1024)
    found = next((kind for start, kind in _SIGNATURES.items() if content.startswith(start)), None)
    if content.startswith(b"PK\x03\x04"):
        found = _office_type(content)
    if found is None or os.path.splitext(name.lower())[1] not in _ENDINGS[found]:
        raise Invalid(FILE_OF_ANOTHER_KIND, field="content", given=name)
    return found


def _office_type(content: bytes) -> str | None:
    """The type of an Office file; None for another archive and for one with macros."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError):
        return None
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        return None
    return next((kind for part, kind in _OFFICE.items() if part in names), None)
