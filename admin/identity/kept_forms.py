"""What a person sent of a form and has not carried out yet: kept for the way back, a reload, or the next sign-in.

Encrypted with a key of the installation, for its person alone, for hours at most, and gone once the form is carried
out. Nothing here is what a command did: that is in the audit log.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from admin.identity.cipher import TextCipher
from admin.identity.tables import KeptForm
from governance.commands import system_transaction
from governance.kernel import clock
from governance.kernel.database import OPERATOR, db
from governance.kernel.ids import new_id

MAX_FORMS: Final = 20
"""Of one person; beyond that the oldest are deleted."""
MAX_CONTENT: Final = 512 * 1024
"""Characters of one form's content, compressed and encrypted."""
_MAX_ADDRESS: Final = 1_000
MAX_KEY: Final = 100


@dataclass(frozen=True, slots=True)
class ShownPage:
    """The page that a form was answered with: its status and HTML, in which language, in which session."""

    status: int
    html: str
    language: str
    session_id: str


@dataclass(frozen=True, slots=True)
class FormContent:
    """The fields of a form as they were sent (without the session's token), its key, and the page it was answered with.

    `page` is None where nobody was signed in any more.
    """

    fields: Mapping[str, str]
    key: str
    page: ShownPage | None = None


@dataclass(frozen=True, slots=True)
class FormOwner:
    """The person whose forms they are."""

    tenant_id: UUID
    person_id: UUID


def keep_form(cipher: TextCipher, owner: FormOwner, address: str, content: FormContent, lifetime: timedelta) -> bool:
    """Keep it under its address and key, in place of what was sent before. False where it is too large to be kept."""
    packed = zlib.compress(json.dumps(asdict(content)).encode())
    encrypted = cipher.encrypt(base64.b85encode(packed).decode())
    if len(encrypted) > MAX_CONTENT or len(address) > _MAX_ADDRESS or len(content.key) > MAX_KEY:
        return False
    now = clock.now()
    values = {"content_encrypted": encrypted, "kept_at": now, "expires_at": now + lifetime}
    named = {"tenant_id": owner.tenant_id, "person_id": owner.person_id, "address": address, "form_key": content.key}
    with system_transaction(owner.tenant_id) as session:
        session.execute(
            insert(KeptForm)
            .values(id=new_id(), **named, **values)
            .on_conflict_do_update(index_elements=list(named), set_=values)
        )
        oldest = (
            select(KeptForm.id)
            .where(KeptForm.tenant_id == owner.tenant_id, KeptForm.person_id == owner.person_id)
            .order_by(KeptForm.kept_at.desc())
            .offset(MAX_FORMS)
        )
        session.execute(delete(KeptForm).where(KeptForm.id.in_(oldest)).execution_options(synchronize_session=False))
    return True


def kept_form(cipher: TextCipher, owner: FormOwner, address: str, key: str | None = None) -> FormContent | None:
    """The form kept under this address and key, without a key the newest of the address; None for none in force."""
    found = select(KeptForm.content_encrypted).where(
        KeptForm.tenant_id == owner.tenant_id,
        KeptForm.person_id == owner.person_id,
        KeptForm.address == address,
        KeptForm.expires_at > clock.now(),
    )
    if key is not None:
        found = found.where(KeptForm.form_key == key)
    encrypted = db.session().scalars(found.order_by(KeptForm.kept_at.desc()).limit(1)).first()
    text = None if encrypted is None else cipher.decrypt(encrypted)
    if text is None:
        return None
    values: dict[str, Any] = json.loads(zlib.decompress(base64.b85decode(text)))
    page = values.pop("page")
    return FormContent(**values, page=None if page is None else ShownPage(**page))


def forget_form(owner: FormOwner, address: str, key: str) -> None:
    """Delete what is kept under this address and key: the form was carried out."""
    with system_transaction(owner.tenant_id) as session:
        session.execute(
            delete(KeptForm)
            .where(
                KeptForm.tenant_id == owner.tenant_id,
                KeptForm.person_id == owner.person_id,
                KeptForm.address == address,
                KeptForm.form_key == key,
            )
            .execution_options(synchronize_session=False)
        )


def delete_expired_forms(now: datetime) -> int:
    """Delete the forms whose time is over. No audit event: the sweep does it. Returns how many."""
    with system_transaction(OPERATOR) as session:
        gone = delete(KeptForm).where(KeptForm.expires_at <= now)
        return len(session.execute(gone.returning(KeptForm.id)).all())
