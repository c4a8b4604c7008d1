"""The public keys with which a service client authenticates (private_key_jwt): read strictly. Pure."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from governance.kernel.errors import Invalid, message
from governance.kernel.strict_json import read_json
from governance.kernel.yen import printable

NOT_A_KEY_SET = message(
    "client.not_a_key_set",
    ja='公開鍵は JWK Set（{{"keys": [ … ]}}）で指定してください。鍵は 1 個から {most} 個までです。',
    en='Give the public keys as a JWK Set ({{"keys": [ … ]}}) of 1 to {most} keys.',
)
PRIVATE_PART = message(
    "client.private_part",
    ja="鍵に秘密の部分（{member}）が含まれています。公開鍵だけを送ってください。",
    en="The key contains a private part ({member}); send only the public part.",
    hint_ja="この鍵は送信によって漏れたものとみなし、新しい鍵を作り直してください。",
    hint_en="Treat this key as disclosed and make a new one.",
)
KEY_NOT_USABLE = message(
    "client.key_not_usable",
    ja="鍵「{given}」は使えません。EC P-256（ES256）または RSA 2048 ビット以上（RS256・PS256）の鍵にしてください。",
    en="The key “{given}” cannot be used; give EC P-256 (ES256) or RSA of 2048 bits or more (RS256, PS256).",
)
KID_WRONG = message(
    "client.kid_wrong",
    ja="鍵には、互いに異なる kid が必要です。",
    en="Each key needs a kid of its own.",
)

MAX_KEYS: Final = 5
_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
_ALGORITHMS: Final = {"EC": ("ES256",), "RSA": ("RS256", "PS256")}
_MEMBERS: Final = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}


def public_key_set(text: str, *, field: str = "jwks") -> str:
    """The JWK Set (RFC 7517 §5) in canonical JSON: sorted members, no spaces, nothing but a public key's members.

    Raises Invalid at `field` or `field.keys[n]`: for text that is not a JWK Set of 1 to 5 keys, for a private member
    (RFC 7518 §6), for a key that is neither EC P-256 nor RSA of 2048 to 8192 bits, and for a missing or repeated kid.
    """
    try:
        value = read_json(text.encode(errors="replace"))
    except Invalid as refusal:
        raise refusal.at(refusal.field or field) from None
    keys = _keys(value, field)
    kept = []
    for place, key in enumerate(keys):
        where = f"{field}.keys[{place}]"
        for member in _PRIVATE:
            if member in key:
                raise Invalid(PRIVATE_PART, field=where, member=member)
        kept.append(_public(key, where))
    kids = [key["kid"] for key in kept]
    if len(set(kids)) != len(kids):
        raise Invalid(KID_WRONG, field=field)
    return json.dumps({"keys": kept}, sort_keys=True, separators=(",", ":"))


def _keys(value: Any, field: str) -> list[dict[str, Any]]:
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS or not all(isinstance(key, dict) for key in keys):
        raise Invalid(NOT_A_KEY_SET, field=field, most=MAX_KEYS)
    return keys


def _public(key: dict[str, Any], where: str) -> dict[str, Any]:
    kind, kid = key.get("kty"), key.get("kid")
    if not isinstance(kid, str) or not 1 <= len(kid) <= 128:
        raise Invalid(KID_WRONG, field=where)
    if kind not in _ALGORITHMS or not all(isinstance(key.get(member), str) for member in _MEMBERS[kind]):
        raise Invalid(KEY_NOT_USABLE, field=where, given=printable(kid))
    algorithm = key.get("alg", _ALGORITHMS[kind][0])
    if algorithm not in _ALGORITHMS[kind] or key.get("use", "sig") != "sig" or not _is_strong(kind, key):
        raise Invalid(KEY_NOT_USABLE, field=where, given=printable(kid))
    return {member: key[member] for member in _MEMBERS[kind]} | {"kid": kid, "use": "sig", "alg": algorithm}


def _is_strong(kind: str, key: dict[str, Any]) -> bool:
    """Whether the numbers are a key: on P-256, or with an RSA modulus of 2048 to 8192 bits."""
    try:
        if kind == "EC":
            return key["crv"] == "P-256" and bool(ECKey.import_key({m: key[m] for m in _MEMBERS["EC"]}).public_key)
        modulus = base64.urlsafe_b64decode(key["n"] + "=" * (-len(key["n"]) % 4))
        if not 2048 <= int.from_bytes(modulus).bit_length() <= 8192:
            return False
        return bool(RSAKey.import_key({m: key[m] for m in _MEMBERS["RSA"]}).public_key)
    except (JoseError, ValueError):
        return False
