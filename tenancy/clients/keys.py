"""The public keys with which a service client authenticates (private_key_jwt): read strictly. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
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

KEY_TOO_SHORT = message(
    "client.key_too_short",
    ja="鍵「{given}」は {bits} ビットで、短すぎます。RSA の鍵は 2048 ビット以上にしてください。",
    en="The key “{given}” has {bits} bits, which is too short; an RSA key needs 2048 or more.",
)
PRIVATE_KEY_GIVEN = message(
    "client.private_key_given",
    ja="秘密鍵が入力されています。公開鍵だけを入力してください。",
    en="That is a private key; give the public key only.",
    hint_ja="この鍵は送信によって漏れたものとみなし、新しい鍵を作り直してください。",
    hint_en="Treat this key as disclosed and make a new one.",
)
KEY_UNREADABLE = message(
    "client.key_unreadable",
    ja="公開鍵として読めません。「-----BEGIN PUBLIC KEY-----」で始まる PEM か、JWK を入力してください。",
    en="This cannot be read as a public key; give a PEM that begins with “-----BEGIN PUBLIC KEY-----”, or a JWK.",
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
    return canonical_set(kept)


def public_key(text: str, *, field: str = "public_key") -> dict[str, str]:
    """One public key as a JWK with a kid, from PEM (public key or certificate), a JWK, or a JWK Set of one.

    A key without a kid is called by its thumbprint (RFC 7638). Raises Invalid at `field`: for a private key, for what
    cannot be read, for another kind of key, and for an RSA key that is too short.
    """
    given = text.strip()
    if "PRIVATE KEY" in given:
        raise Invalid(PRIVATE_KEY_GIVEN, field=field)
    if given.startswith("-----BEGIN"):
        key = _from_pem(given, field)
    else:
        try:
            value = read_json(given.encode(errors="replace"))
        except Invalid:
            raise Invalid(KEY_UNREADABLE, field=field) from None
        keys = value.get("keys") if isinstance(value, dict) else None
        key = keys[0] if isinstance(keys, list) and len(keys) == 1 else value
        if not isinstance(key, dict) or "kty" not in key:
            raise Invalid(KEY_UNREADABLE, field=field)
    if any(member in key for member in _PRIVATE):
        raise Invalid(PRIVATE_KEY_GIVEN, field=field)
    if "kid" not in key and key.get("kty") in _MEMBERS:
        key = {**key, "kid": _thumbprint(key, field)}
    return _public(key, field)


def with_key(jwks: str, key: dict[str, str]) -> str:
    """The key set with one more key, in canonical JSON. Raises Invalid for a kid that it has, and for one too many."""
    return public_key_set(json.dumps({"keys": [*keys_of(jwks), key]}), field="public_key")


def without_keys(jwks: str, kids: Collection[str]) -> str:
    """The key set without these keys, in canonical JSON."""
    return canonical_set([key for key in keys_of(jwks) if key["kid"] not in kids])


def keys_of(jwks: str) -> list[dict[str, str]]:
    """The keys of a set in canonical JSON."""
    found: list[dict[str, str]] = json.loads(jwks)["keys"]
    return found


def canonical_set(keys: Sequence[Mapping[str, str]]) -> str:
    """The set with sorted members and no spaces."""
    return json.dumps({"keys": list(keys)}, sort_keys=True, separators=(",", ":"))


def kind_of_key(key: Mapping[str, str]) -> str:
    """What people call the kind: `EC P-256` or `RSA 3072`."""
    return f"EC {key['crv']}" if key["kty"] == "EC" else f"RSA {_bits(key)}"


def _from_pem(text: str, field: str) -> dict[str, Any]:
    try:
        is_certificate = "BEGIN CERTIFICATE" in text
        loaded: object = (
            load_pem_x509_certificate(text.encode()).public_key()
            if is_certificate
            else load_pem_public_key(text.encode())
        )
    except ValueError:
        raise Invalid(KEY_UNREADABLE, field=field) from None
    if not isinstance(loaded, EllipticCurvePublicKey | RSAPublicKey):
        raise Invalid(KEY_NOT_USABLE, field=field, given=type(loaded).__name__.removesuffix("PublicKey"))
    pem = loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    kind: type[ECKey | RSAKey] = RSAKey if isinstance(loaded, RSAPublicKey) else ECKey
    return dict(kind.import_key(pem).as_dict(private=False))


def _thumbprint(key: dict[str, Any], field: str) -> str:
    members = {member: key.get(member) for member in _MEMBERS[key["kty"]]}
    if not all(isinstance(value, str) for value in members.values()):
        raise Invalid(KEY_UNREADABLE, field=field)
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()


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
    if kind == "RSA" and 0 < _bits(key) < 2048:
        raise Invalid(KEY_TOO_SHORT, field=where, given=printable(kid), bits=_bits(key))
    algorithm = key.get("alg", _ALGORITHMS[kind][0])
    if algorithm not in _ALGORITHMS[kind] or key.get("use", "sig") != "sig" or not _is_strong(kind, key):
        raise Invalid(KEY_NOT_USABLE, field=where, given=printable(kid))
    return {member: key[member] for member in _MEMBERS[kind]} | {"kid": kid, "use": "sig", "alg": algorithm}


def _bits(key: Mapping[str, str]) -> int:
    """The length of an RSA key's modulus; 0 for what is no number."""
    try:
        return int.from_bytes(base64.urlsafe_b64decode(key["n"] + "=" * (-len(key["n"]) % 4))).bit_length()
    except ValueError:
        return 0


def _is_strong(kind: str, key: dict[str, Any]) -> bool:
    """Whether the numbers are a key: on P-256, or with an RSA modulus of 2048 to 8192 bits."""
    try:
        if kind == "EC":
            return key["crv"] == "P-256" and bool(ECKey.import_key({m: key[m] for m in _MEMBERS["EC"]}).public_key)
        if not 2048 <= _bits(key) <= 8192:
            return False
        return bool(RSAKey.import_key({m: key[m] for m in _MEMBERS["RSA"]}).public_key)
    except (JoseError, ValueError):
        return False
