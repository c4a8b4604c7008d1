"""What is known of a person's preferences."""

from __future__ import annotations

from governance.kernel.era import DateNotation
from governance.kernel.models import ReadModel
from tenancy.preferences.states import DigestFrequency, ScreenLanguage, TableDensity


class PreferencesFacts(ReadModel):
    """What a person has chosen; where nothing is saved, what is usual."""

    language: ScreenLanguage = ScreenLanguage.JAPANESE
    date_notation: DateNotation = DateNotation.ERA
    table_density: TableDensity = TableDensity.COMFORTABLE
    digest_mail: DigestFrequency = DigestFrequency.NEVER
