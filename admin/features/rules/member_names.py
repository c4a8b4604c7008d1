"""The members' names by their codes, as the sentences of a rule write them."""

from __future__ import annotations

from collections import Counter

from sqlalchemy.orm import Session

from governance.kernel import clock
from governance.kernel.fiscal_year import FiscalYear
from tenancy import directory


def names_of_members(session: Session) -> dict[str, str]:
    """The names of this fiscal year's members by code, as far as the actor may see them; one that two have is left out.

    A code without a name stands as it is, so that what is written is read back to the same member.
    """
    members = directory.members_of_year(session, FiscalYear.of(clock.today()).year)
    count = Counter(member.name for member in members)
    return {member.code: member.name for member in members if member.code and count[member.name] == 1}
