"""What kind of installation this is, as its settings say; no caller of a command can say otherwise."""

from __future__ import annotations

from typing import Final

from governance.kernel.application import ApplicationValue

IS_EXAMPLE: Final = ApplicationValue("is_example", False)
"""Whether the data are an example (`MOYAI_EXAMPLE`): then every document says so."""
