"""What the confirm page of a reminder shows: each tenant that gets a mail, and those left out with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from admin.core.language import gettext, ngettext
from admin.interface.entry_points import Fact, FormContext, ReviewTable
from admin.interface.formats import jst_time
from governance.kernel.errors import Language
from tenancy.reminders import AskedT, ReminderPlan


def about_reminders(plan: ReminderPlan[AskedT], owners: Mapping[UUID, int], language: Language) -> FormContext:
    """How many mails it comes to, and the tenants of a plan; `owners` is how many people of each get one."""
    tables = [
        ReviewTable(
            gettext("Tenants that get an email"),
            [gettext("Tenant"), gettext("Owners"), gettext("Reminded last")],
            [
                [one.name, str(owners[one.tenant_id]), str(jst_time(one.reminded_at)) if one.reminded_at else "―"]
                for one in plan.reminded
            ],
            yen=frozenset({1}),
        )
    ]
    if plan.left_out:
        rows = [[one.name, one.reason.label(language)] for one in plan.left_out]
        tables.append(ReviewTable(gettext("Left out"), [gettext("Tenant"), gettext("Reason")], rows))
    mails = sum(owners[one.tenant_id] for one in plan.reminded)
    return FormContext([Fact(gettext("Emails"), ngettext("%(num)s email", "%(num)s emails", mails))], tables=tables)
