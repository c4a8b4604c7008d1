"""The organization that was signed in to last on this computer: a cookie that spares people choosing it again.

It holds no secret and opens nothing: the tenant's id, authenticated so that nobody plants another one.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from werkzeug.wrappers import Response

from admin.identity.cipher import TextCipher
from governance.kernel.database import OPERATOR, db, tenant_scope
from tenancy.tenants.facts import find_by_id
from tenancy.tenants.models import TenantFacts
from tenancy.tenants.states import STATE_EFFECTS

COOKIE: Final = "__Host-moyai-organization"
_SECONDS: Final = 400 * 24 * 60 * 60
"""As long as browsers keep any cookie (RFC 6265bis, 5.5)."""
_PURPOSE: Final = "organization "
"""What other cookies of the same key do not begin with."""


def remember(answer: Response, cipher: TextCipher, tenant_id: UUID) -> None:
    """Have this browser remember the tenant."""
    value = cipher.encrypt(f"{_PURPOSE}{tenant_id}")
    answer.set_cookie(COOKIE, value, max_age=_SECONDS, secure=True, httponly=True, samesite="Lax", path="/")


def remembered_tenant(cipher: TextCipher, cookie: str | None) -> TenantFacts | None:
    """The tenant in the cookie while its people may sign in; None without one, and for a cookie that is not ours."""
    text = cipher.decrypt(cookie or "", seconds=_SECONDS)
    if text is None or not text.startswith(_PURPOSE):
        return None
    with tenant_scope(OPERATOR):
        found = find_by_id(db.session(), UUID(text.removeprefix(_PURPOSE)))
    return found if found is not None and STATE_EFFECTS[found.state].people_sign_in else None
