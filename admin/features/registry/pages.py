"""参加団体台帳: the register of a month as a page to print, and as CSV or Excel for the prefecture's files."""

from __future__ import annotations

from datetime import date
from typing import Final

from flask import Blueprint, Response, request

from admin.core.guard import requires
from admin.core.language import current_language, either, gettext
from admin.core.rate_limits import RateLimit, limited
from admin.interface.downloads import table_response
from admin.interface.formats import day_text
from admin.interface.pages import render_page, session
from governance.kernel import clock
from governance.kernel.labels import Label
from governance.permissions import Permission
from tenancy.registry import queries
from tenancy.registry.models import RegistryRow

pages = Blueprint("registry", __name__, template_folder="templates")


@pages.get("/registry")
@requires(Permission.REGISTRY_READ)
def registry() -> tuple[str, int]:
    """Every tenant at the end of the month that is chosen, the present one without a choice."""
    today, first = clock.today(), _month()
    rows = queries.registry(session(), first, today)
    return render_page(
        "registry/registry",
        rows=rows,
        month=f"{first:%Y-%m}",
        month_name=month_name(first),
        months=[(f"{one:%Y-%m}", month_name(one)) for one in queries.months(session(), today)],
        as_of=queries.as_of(first, today),
        changed=sum(bool(row.changes) for row in rows),
        changes=[changes_text(row) for row in rows],
    )


_FILE_HEADER: Final = (
    Label("団体コード", "code"),
    Label("団体", "tenant"),
    Label("フリガナ", "kana"),
    Label("種別", "kind"),
    Label("状態", "state"),
    Label("状態の開始日", "state since"),
    Label("この月の変更", "changes in the month"),
    Label("参加期", "cohort"),
    Label("参加開始日", "first day"),
    Label("参加の最終日", "last day"),
    Label("利用プラン", "plan"),
    Label("団体管理者（人）", "owners"),
    Label("利用者（人）", "people"),
    Label("総合窓口の部署", "contact section"),
    Label("総合窓口の担当者", "contact"),
    Label("総合窓口のメールアドレス", "contact email"),
    Label("総合窓口の電話番号", "contact phone"),
)


@pages.get("/registry.<any(csv, xlsx):file_kind>")
@limited(RateLimit.DOWNLOAD)
@requires(Permission.REGISTRY_READ)
def registry_file(file_kind: str) -> Response:
    """The register of the month as a file."""
    first, language = _month(), current_language()
    rows = (
        (
            *(row.code, row.name, row.kana, row.kind.label(language), row.state.label(language), row.state_since),
            *(changes_text(row), row.cohort, row.first_day, row.last_day, row.plan, row.owners, row.people),
            *(row.contact_section, row.contact_name, row.contact_email, row.contact_phone),
        )
        for row in queries.registry(session(), first, clock.today())
    )
    name = gettext("member registry %(month)s", month=month_name(first))
    return table_response(file_kind, name, [either(*label) for label in _FILE_HEADER], rows)


def month_name(first: date) -> str:
    """A month as people write it: 令和8年11月, 2026年11月 or November 2026."""
    if current_language() == "en":
        return f"{first:%B %Y}"
    return f"{day_text(first, 'ja').partition('月')[0]}月"


def changes_text(row: RegistryRow) -> str:
    """The changes of the month in words."""
    language = current_language()
    return gettext(", ").join(f"{day_text(one.on, language)} {one.state.label(language)}" for one in row.changes)


def _month() -> date:
    """The month of the address; the present one without it. Raises Invalid for what is none."""
    given = request.args.get("month", "")
    return queries.first_of_month(given, clock.today()) if given else clock.today().replace(day=1)
