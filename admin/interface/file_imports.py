"""What every import of a file has in common at its page and at the command line; its templates use `file_import.html`.

A page checks the file and sends it once more with the confirmation, because nothing of it is kept before it is
imported; its SHA-256 says that it is the same one.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final

import click
from flask import request

from admin.interface.forms import Form
from admin.interface.output import print_json
from governance.file_imports import ImportFacts
from governance.kernel.errors import Invalid, message

FILE_MISSING = message(
    "import.file_missing", ja="取り込む CSV か Excel のファイルを選んでください。", en="Choose a CSV or Excel file."
)
MAX_BYTES: Final = 2 * 2**20
"""Bytes of a file sent by form: in base64 it is sent once more with the confirmation, within a request's limit."""
TOO_LARGE = message(
    "import.form_too_large",
    ja="画面から取り込めるのは {most} バイトまでです（{given} バイト）。",
    en="A file uploaded here may have at most {most} bytes; this one has {given}.",
    hint_ja="ファイルを分けてください。",
    hint_en="Split the file.",
)


def uploaded_file(form: Form) -> bytes | None:
    """The file, as chosen now or as the verdict's page sends it once more; None where `form` now has an error.

    `form` has it as `content` then, packed by `pack_file`.
    """
    upload = request.files.get("content")
    content = b"" if upload is None else upload.read()
    form.values.setdefault("content", "")
    if not content:
        try:
            packed = base64.b64decode(form.text("content"), validate=True)
            content = zlib.decompressobj().decompress(packed, MAX_BYTES + 1)
        except (ValueError, binascii.Error, zlib.error):
            content = b""
    if not content:
        form.add_error(Invalid(FILE_MISSING, field="content"))
        return None
    if len(content) > MAX_BYTES:
        form.add_error(Invalid(TOO_LARGE, field="content", most=MAX_BYTES, given=len(content)))
        return None
    form.values["content"] = pack_file(content)
    return content


def pack_file(content: bytes) -> str:
    """The file as the verdict's page carries it: a CSV is a fifth as long, and the page as quick."""
    return base64.b64encode(zlib.compress(content)).decode()


def print_preview(preview: ImportFacts, *, as_json: bool) -> None:
    """Each problem with its line, what the row is about, and column to standard error; the whole to standard output."""
    for line, title, problem in preview.placed_problems:
        where = ": ".join(part for part in (str(line), title, problem.column) if part)
        click.echo(f"{where}: {problem.reason} / {problem.reason_en}", err=True)
    if as_json:
        print_json(preview)
    elif preview.accepted:
        click.echo(f"{len(preview.rows)} 行を取り込めます / {len(preview.rows)} rows can be imported")
