"""Conditional requests (RFC 9110, section 13.1.1): the ETag of an object, and the If-Match of a command that edits it.

`edited_objects` of `admin.interface.api_routes` says which object a command edits.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from flask import request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from admin.interface.api_requests import BadRequest
from admin.interface.queries import DeclaredQuery
from governance.commands import Precondition
from governance.kernel.errors import NotFound, Stale, message
from governance.kernel.keyset import PageRequest
from governance.kernel.yen import printable

EDITED_OBJECTS: Final = "moyai.api.edited_objects"
"""Key of the application's extensions: the query of the object that each command edits, by the route's name."""

IF_MATCH: Final = "If-Match"
ETAG_PATTERN: Final = '^"[A-Za-z0-9_-]{1,64}"$'

OBJECT_CHANGED = message(
    "api.object_changed",
    ja="表示したあとで、対象が変わりました（If-Match: {given}）。",
    en="It changed after you read it (If-Match: {given}).",
    hint_ja="もう一度読み込んで変更の内容を確かめ、新しい ETag を付けて送り直してください。",
    hint_en="Read it again, check your change, and send it with the new ETag.",
)
IF_MATCH_WRONG = message(
    "api.if_match_wrong",
    ja="ヘッダー If-Match「{given}」は ETag ではありません。",
    en="The header If-Match, “{given}”, is not an ETag.",
    hint_ja="読み込んだときの ETag を 1 つ、引用符も含めてそのまま指定してください。",
    hint_en="Give the one ETag that you received, with its quotation marks.",
)


class PreconditionFailed(Stale):
    """The object is no longer as the ETag in If-Match says: 412."""

    kind = "version_passed"


def etag_of(query: DeclaredQuery, found: BaseModel) -> str:
    """The ETag, without quotation marks: the version that the query declares, else a hash of what it answers."""
    if query.etag is not None:
        return str(getattr(found, query.etag))
    return urlsafe_b64encode(hashlib.sha256(found.model_dump_json().encode()).digest()[:18]).decode()


def read_if_match(query: DeclaredQuery, parts: Mapping[str, Any], *, creates: bool) -> Precondition | None:
    """The precondition that this request states about the object that `parts` name; None where it states none.

    It raises PreconditionFailed where the object is another by now, or is absent and the command `creates` it then; of
    what is absent otherwise the command says so itself. Raises BadRequest for a header that is not one strong ETag.
    """
    sent = request.headers.get(IF_MATCH)
    if sent is None:
        return None
    if not re.fullmatch(ETAG_PATTERN, sent):
        raise BadRequest(IF_MATCH_WRONG, field=IF_MATCH, given=printable(sent))

    def check(session: Session) -> None:
        try:
            found = query.find(parts, None, PageRequest())
        except NotFound:
            if not creates:
                return
            found = None
        if found is None or f'"{etag_of(query, found)}"' != sent:
            raise PreconditionFailed(OBJECT_CHANGED, field=IF_MATCH, given=sent)

    return check
