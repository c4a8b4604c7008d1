"""All notices of a run together: the issued bytes in a ZIP file, and one PDF in which each counts its own pages."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest
from pypdf import PdfReader

from billing.notices.collection import print_pdf, write_archive
from billing.notices.queries import notices
from governance.kernel.database import OPERATOR, db, tenant_scope
from governance.kernel.errors import Conflict, NotFound
from tests.factories import THIRTEEN, Factory


@pytest.mark.slow
def test_the_archive_holds_each_paper_as_it_was_issued(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    thirteen.issue_notices(run.run_id)
    target = io.BytesIO()

    with tenant_scope(OPERATOR):
        count = write_archive(db.session(), run.run_id, target)
        issued = {notice.number: notice.pdf_sha256 for notice in notices(db.session(), run_id=run.run_id)}

    with zipfile.ZipFile(target) as archive:
        found = {name.partition("_")[0]: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        assert "2025-01-431001_熊本市.pdf" in archive.namelist()
    assert (count, found) == (len(THIRTEEN), issued)


@pytest.mark.slow
def test_one_pdf_has_every_notice_with_page_numbers_of_its_own(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)
    thirteen.issue_notices(run.run_id)

    with tenant_scope(OPERATOR):
        pdf = print_pdf(db.session(), run.run_id)

    pages = [page.extract_text().splitlines() for page in PdfReader(io.BytesIO(pdf)).pages]
    assert len(pages) == 2 * len(THIRTEEN)
    assert pages[0][-1] == "2025-01-431001　熊本市 1 / 2"
    assert pages[1][-1] == "2025-01-431001　熊本市 2 / 2"
    assert {lines[-1][:14] for lines in pages} == {f"2025-01-{code}" for code in THIRTEEN}
    assert sum("納入通知書" in lines for lines in pages) == len(THIRTEEN)


def test_before_they_are_issued_there_is_none_and_a_municipality_has_none(thirteen: Factory) -> None:
    run = thirteen.prepare()
    thirteen.approve(run)

    for collect in (
        lambda: print_pdf(db.session(), run.run_id),
        lambda: write_archive(db.session(), run.run_id, io.BytesIO()),
    ):
        with tenant_scope(OPERATOR), pytest.raises(Conflict) as refusal:
            collect()
        assert refusal.value.code == "notice.none_issued"
        with tenant_scope(thirteen.ids["431001"]), pytest.raises(NotFound):
            collect()
