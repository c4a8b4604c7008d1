"""The Excel form: what is written in it comes back as it was, and each wrong cell says why and changes nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from admin.features.applications.form_template import form_workbook
from governance.file_imports import ImportRefused
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Invalid, Language
from tenancy.applications import queries
from tenancy.applications.commands import ImportApplicationForm, import_application_form
from tenancy.applications.content import ApplicationContent
from tenancy.applications.form_file import FormReading, read_form_file
from tenancy.applications.models import ApplicationFacts
from tests.actors import Actors, seed_operator
from tests.factories import Factory

NOON = datetime(2025, 6, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def factory(database: object) -> Iterator[Factory]:
    with clock.at(NOON):
        factory = Factory(Actors(seed_operator()))
        factory.add_member("431001", "熊本市")
        yield factory


def facts_of(application_id: UUID) -> ApplicationFacts:
    with tenant_scope(OPERATOR):
        return queries.application(db.session(), application_id)


def template(content: ApplicationContent, language: Language = "ja") -> bytes:
    with tenant_scope(OPERATOR):
        return form_workbook(db.session(), content, language)


def read(content: bytes) -> FormReading:
    with tenant_scope(OPERATOR):
        return read_form_file(db.session(), content, clock.today())


def filled(form: bytes, entries: dict[str, str], *more: tuple[str, str]) -> bytes:
    """The form with other entries beside these items, as somebody who filled it in saves it."""
    rows = CalamineWorkbook.from_filelike(io.BytesIO(form)).get_sheet_by_index(0).to_python()
    written = io.BytesIO()
    with Workbook(written) as book:
        sheet = book.add_worksheet()
        written_rows = [[str(cell) for cell in row] for row in rows] + [[item, entry, ""] for item, entry in more]
        for line, (item, entry, hint) in enumerate(written_rows):
            sheet.write_row(line, 0, [item, entries.get(item, entry), hint])
    return written.getvalue()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_form_that_is_loaded_as_it_was_written_changes_nothing(factory: Factory, language: Language) -> None:
    application_id = factory.apply()
    before = facts_of(application_id)
    form = template(before.content, language)

    read_back = read(form)
    saved = import_application_form(
        ImportApplicationForm(application_id=application_id, version=before.version, content=form),
        actor=factory.applicant,
    )

    assert read_back.verdict.accepted
    assert saved.version == before.version
    assert facts_of(application_id).content == before.content
    assert {row.given for row in read_back.verdict.rows} >= {"髙﨑 花子", "葛󠄀子"}


def test_each_wrong_cell_is_named_with_its_reason_and_nothing_is_saved(factory: Factory) -> None:
    application_id = factory.apply()
    before = facts_of(application_id)
    form = filled(
        template(before.content),
        {
            "団体の種別": "郡",
            "団体コード": "432084",
            "利用する人数（予定）": "多い",
            "利用開始の希望日": "令和8年4月1日",
        },
        ("備考", "その他"),
        ("団体の名称", "二度目"),
    )

    with pytest.raises(ImportRefused) as refused:
        import_application_form(
            ImportApplicationForm(application_id=application_id, version=before.version, content=form),
            actor=factory.applicant,
        )

    wrong = {row.label: row.refusal for row in read(form).verdict.rows if not row.accepted}
    assert wrong == {
        "団体の種別": "application.not_an_option",
        "団体コード": "code.check_digit",
        "利用する人数（予定）": "form.not_a_number",
        "備考": "application.item_unknown",
        "団体の名称": "application.item_twice",
    }
    kind = next(row for row in read(form).verdict.rows if row.label == "団体の種別")
    assert (kind.cell, kind.given) == ("B2", "郡")
    assert "市、町、村" in str(kind.reason)
    assert len(refused.value.errors) == 6
    assert facts_of(application_id) == before


def test_an_empty_cell_leaves_what_the_draft_says_and_full_width_is_understood(factory: Factory) -> None:
    application_id = factory.apply()
    before = facts_of(application_id)
    form = filled(
        template(before.content),
        {"利用目的": "", "利用する人数（予定）": "４０", "利用サービス": "ダッシュボード、データカタログ"},
    )

    import_application_form(
        ImportApplicationForm(application_id=application_id, version=before.version, content=form),
        actor=factory.applicant,
    )

    after = facts_of(application_id).content
    assert after.purpose == before.content.purpose
    assert after.planned_people == 40
    assert set(after.services) == {"dashboard", "catalogue"}


def test_a_file_that_is_no_workbook_is_refused(factory: Factory) -> None:
    for content in (b"", b"PK\x03\x04broken"):
        with pytest.raises(Invalid):
            read(content)
