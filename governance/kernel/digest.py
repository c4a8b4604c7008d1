"""Digests of values: the same value gives the same text, whatever order its keys were written in."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, in UTF-8. Floats and NaN are refused with ValueError: money has none."""
    return _ENCODER.encode(value).encode()


def digest_of(value: Any) -> str:
    """`sha256:` and the hexadecimal SHA-256 of the canonical form."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def _refuse(value: object) -> Any:
    raise ValueError(f"a {type(value).__name__} has no canonical form")


_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False, default=_refuse
)
