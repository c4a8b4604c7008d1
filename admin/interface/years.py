"""The fiscal year that the pages about money are about: chosen in their frame, kept in the address.

A view says which year its page shows, and the frame offers the others; the menu's places of the group keep the choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import g, request

from admin.interface.lists import current_fiscal_year, query_year
from admin.interface.pages import session
from billing.costs.queries import years_of_costs
from billing.ledger.queries import years_of_books
from billing.runs.queries import years_of_runs

YEAR: Final = "fiscal_year"
"""The name of the choice in every address."""


@dataclass(frozen=True, slots=True)
class YearSwitch:
    """The choice of a year. `year` None is every year; `address` is the list that shows the chosen one.

    `kept` is the year that the links of the menu keep: the one in the address, or the one an object is of.
    """

    year: int | None
    years: tuple[int, ...]
    offers_all: bool
    address: str
    kept: int | None


def year_of_list(otherwise: int | None) -> int | None:
    """The year in the address of a list, else `otherwise`, where None is every year. The frame offers the others."""
    asked = query_year()
    year = asked or otherwise
    _offer(YearSwitch(year, _known_years(year), otherwise is None, request.path, asked))
    return year


def year_of_single(otherwise: int) -> int:
    """As `year_of_list`, of a page that shows one year at a time."""
    return year_of_list(otherwise) or otherwise


def show_year_of_object(year: int, address: str) -> None:
    """Say of which year an object is; another choice leads to the list at `address`."""
    _offer(YearSwitch(year, _known_years(year), False, address, year))


def year_switch() -> YearSwitch | None:
    """The choice that this request's page offers; None for a page that is about no year. For the frame."""
    found: YearSwitch | None = g.get("year_switch")
    return found


def _offer(switch: YearSwitch) -> None:
    g.year_switch = switch


def _known_years(year: int | None) -> tuple[int, ...]:
    """The years that anything is known of, this one and the next, newest first."""
    present = current_fiscal_year()
    found = {*years_of_books(session()), *years_of_runs(session()), *years_of_costs(session()), present, present + 1}
    return tuple(sorted(found | ({year} if year else set()), reverse=True))
