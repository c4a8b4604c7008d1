"""All notices of a run together: the papers as they were issued in one ZIP, and set in one PDF for the printer."""

from __future__ import annotations

import hashlib
import re
import zipfile
from typing import BinaryIO, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from billing.documents.typeset import typeset
from billing.notices.models import NoticeContent
from billing.notices.queries import notices
from billing.notices.tables import Notice
from billing.runs.queries import run_by_id
from governance.kernel import clock
from governance.kernel.errors import Conflict, message
from governance.kernel.models import ReadModel

NOT_ISSUED = message(
    "notice.none_issued",
    ja="この回の通知書はまだ発行されていません。",
    en="No notices of this run have been issued.",
    hint_ja="先に通知書を発行してください。",
    hint_en="Issue them first.",
)
TOO_MANY = message(
    "notice.too_many_for_one_pdf",
    ja="通知書が {given} 通あり、1つのPDFにできる {most} 通を超えています。",
    en="There are {given} notices; one PDF takes at most {most}.",
    hint_ja="ZIPで取り出してください。",
    hint_en="Take them as a ZIP file.",
)

MAX_IN_ONE_PDF: Final = 300
"""As many as are set in a few seconds."""

_NOT_IN_FILE_NAMES: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')


class NoticeCollection(ReadModel):
    """The contents of several notices, in the order in which they are printed."""

    title: str
    notices: tuple[NoticeContent, ...]


def write_archive(session: Session, run_id: UUID, target: BinaryIO) -> int:
    """Write the papers of a run into a ZIP file, byte for byte as they were issued; answers how many there are.

    Raises NotFound, Conflict (none were issued), and RuntimeError where stored bytes do not match their SHA-256.
    """
    run = run_by_id(session, run_id)
    found = session.scalars(
        select(Notice)
        .where(Notice.run_id == run.id)
        .order_by(Notice.number)
        .options(undefer(Notice.pdf))
        .execution_options(yield_per=50)
    )
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for notice in found:
            if hashlib.sha256(notice.pdf).hexdigest() != notice.pdf_sha256:
                raise RuntimeError(f"the paper of notice {notice.number} is not the one that was issued")
            day = notice.issued_on
            name = _NOT_IN_FILE_NAMES.sub("_", f"{notice.number}_{notice.facts['addressee']}.pdf")
            archive.writestr(zipfile.ZipInfo(name, (day.year, day.month, day.day, 0, 0, 0)), notice.pdf)
            count += 1
    if not count:
        raise Conflict(NOT_ISSUED)
    return count


def print_pdf(session: Session, run_id: UUID) -> bytes:
    """The notices of a run in one PDF, each beginning on a page of its own with its own page numbers.

    It is set anew from what was printed when they were issued; the papers themselves are in the archive. Raises
    NotFound and Conflict (none were issued, or too many for one file).
    """
    run = run_by_id(session, run_id)
    found = notices(session, run_id=run.id)
    if not found:
        raise Conflict(NOT_ISSUED)
    if len(found) > MAX_IN_ONE_PDF:
        raise Conflict(TOO_MANY, given=len(found), most=MAX_IN_ONE_PDF)
    collection = NoticeCollection(
        title=f"通知書 {run.fiscal_year}-{run.number:02d}", notices=tuple(notice.facts for notice in found)
    )
    return typeset("notices.typ", collection, clock.now())
