"""What one application object lends to packages that know no web framework: its dispatcher, its admitted prefectures.

Two applications in one process (a test's and another) each have their own, and none is set by importing something.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from governance.kernel.database import ApplicationObject, current_extensions, extensions_of

ValueT = TypeVar("ValueT")


class ApplicationValue(Generic[ValueT]):
    """A value that each application has its own of; `default` where the application was given none."""

    def __init__(self, name: str, default: ValueT) -> None:
        self._key = f"moyai.{name}"
        self._default = default

    def get(self) -> ValueT:
        """The value of the application whose context is entered; the default where there is none."""
        value: ValueT = current_extensions().get(self._key, self._default)
        return value

    def of(self, app: ApplicationObject) -> ValueT:
        """The value of this application."""
        value: ValueT = extensions_of(app).get(self._key, self._default)
        return value

    def set(self, app: ApplicationObject, value: ValueT) -> None:
        """Give the application this value."""
        extensions_of(app)[self._key] = value
