"""What was typed and the command made of it: a refusal names the option or argument that is to be corrected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Final

import click

from governance.kernel.errors import DomainError, Invalid, message

FILE_TOO_LARGE: Final = message(
    "cli.file_too_large",
    ja="ファイルは {most} バイト以下にしてください。",
    en="The file may have at most {most} bytes.",
)


@contextmanager
def option_names(*, default: str | None = None, **overrides: str) -> Iterator[None]:
    """Build a command and execute it; what is refused meanwhile names what was typed, as `--given-name`.

    A parameter of a command has the name of the command's field and so is found by itself. `overrides` says where the
    two differ, `default` what an Invalid is about that names no field.
    """
    try:
        yield
    except DomainError as refusal:
        if refusal.field is None and isinstance(refusal, Invalid):
            raise refusal.at(default) from refusal
        raise refusal.renamed(lambda field: _option_name(field, overrides)) from refusal


def read_file(source: BinaryIO, *, most: int, field: str) -> bytes:
    """The whole of a file that was named on the command line. Raises Invalid when it is longer than `most` bytes."""
    content = source.read(most + 1)
    if len(content) > most:
        raise Invalid(FILE_TOO_LARGE, field=field, most=most)
    return content


def _option_name(field: str, overrides: Mapping[str, str]) -> str:
    """The option or argument of the running command that gave this field; the field itself where none did."""
    root = re.split(r"[.\[]", field, maxsplit=1)[0]
    option = overrides.get(root)
    for parameter in click.get_current_context().command.params if option is None else ():
        if parameter.name == root:
            is_option = isinstance(parameter, click.Option)
            option = max(parameter.opts, key=len) if is_option else parameter.human_readable_name
    return field if option is None else option + field[len(root) :]
