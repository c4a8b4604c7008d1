"""What is to go: declared once at a query or a command's address, said in every answer and in the document.

`Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` (RFC 8288) are headers of each answer, refusals too.
docs/API.md has the policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from flask import Flask, Response, request
from werkzeug.http import http_date

from governance.kernel.clock import JST


@dataclass(frozen=True, slots=True)
class Deprecation:
    """An address is deprecated `since` a day and may answer 404 from `sunset` on; `successor` is used instead.

    Both days begin at midnight in Japan. Raises ValueError for a notice of less than 12 months, unless it `closes_hole`
    in security.
    """

    since: date
    sunset: date
    successor: str | None = None
    closes_hole: bool = False

    def __post_init__(self) -> None:
        a_year_later = (self.since.year + 1, self.since.month, self.since.day)
        if not self.closes_hole and (self.sunset.year, self.sunset.month, self.sunset.day) < a_year_later:
            raise ValueError(f"{self.since} to {self.sunset} is less than 12 months")

    def headers(self) -> dict[str, str]:
        """The headers of every answer. Deprecation is a structured date: seconds since 1970 after an @."""
        found = {
            "Deprecation": f"@{int(_midnight(self.since).timestamp())}",
            "Sunset": http_date(_midnight(self.sunset)),
        }
        return found if self.successor is None else {**found, "Link": f'<{self.successor}>; rel="successor-version"'}

    @property
    def text(self) -> str:
        """What the document says of it, in both languages."""
        ja = f"{self.since} から非推奨です。{self.sunset} 以降は廃止されます。"
        en = f"Deprecated since {self.since}; it may be gone from {self.sunset} on."
        return f"{ja}\n\n{en}" + ("" if self.successor is None else f" → `{self.successor}`")


def announce_deprecations(app: Flask, by_endpoint: Mapping[str, Deprecation]) -> None:
    """Put the headers on every answer of these endpoints."""
    if not by_endpoint:
        return

    @app.after_request
    def announce(response: Response) -> Response:
        deprecation = by_endpoint.get(request.endpoint or "")
        if deprecation is not None:
            response.headers.update(deprecation.headers())
        return response


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), JST).astimezone(UTC)
