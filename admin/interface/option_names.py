"""What was typed and the order made of it: a refusal names the option or argument that is to be corrected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Final

import click
from pydantic import ValidationError

from admin.core.errors import wrong_order
from governance.kernel.errors import Invalid, Refused, reason

FILE_TOO_LARGE: Final = reason(
    "cli.file_too_large",
    ja="ファイルは {most} バイト以下にしてください。",
    en="The file may have at most {most} bytes.",
)


@contextmanager
def as_typed(*, about: str | None = None, **otherwise: str) -> Iterator[None]:
    """Build an order and have it carried out; what is refused meanwhile names what was typed, as `--given-name`.

    A parameter of a command has the name of the order's field and so is found by itself. `otherwise` says where the two
    differ, `about` what an Invalid is about that names no field. An order that does not take what was given raises
    Invalid too, because the input is at fault and not the program.
    """
    try:
        try:
            yield
        except ValidationError as wrong:
            raise wrong_order(wrong) from None
    except Refused as refusal:
        if refusal.field is not None:
            refusal.field = _typed(refusal.field, otherwise)
        elif isinstance(refusal, Invalid):
            refusal.field = about
        raise


def read_file(source: BinaryIO, *, most: int, field: str) -> bytes:
    """The whole of a file that was named on the command line. Raises Invalid when it is longer than `most` bytes."""
    content = source.read(most + 1)
    if len(content) > most:
        raise Invalid(FILE_TOO_LARGE, field=field, most=most)
    return content


def _typed(field: str, otherwise: Mapping[str, str]) -> str:
    """The option or argument of the running command that gave this field; the field itself where none did."""
    root = re.split(r"[.\[]", field, maxsplit=1)[0]
    typed = otherwise.get(root)
    for parameter in click.get_current_context().command.params if typed is None else ():
        if parameter.name == root:
            is_option = isinstance(parameter, click.Option)
            typed = max(parameter.opts, key=len) if is_option else parameter.human_readable_name
    return field if typed is None else typed + field[len(root) :]
