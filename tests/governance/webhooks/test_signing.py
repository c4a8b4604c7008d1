"""Signatures and secrets of webhooks: the scheme of Standard Webhooks."""

from __future__ import annotations

from uuid import UUID

from governance.webhooks.signing import derive_secret, sign

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_a_signature_is_that_of_the_published_example() -> None:
    """The example of Standard Webhooks' own libraries, which receivers verify with."""
    signature = sign(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs() -> None:
    first, second = (derive_secret(b"k" * 32, ONE, number) for number in (1, 2))

    assert sign([first, second], "id", 1, b"") == f"{sign([first], 'id', 1, b'')} {sign([second], 'id', 1, b'')}"


def test_a_secret_is_of_one_key_one_webhook_and_one_number() -> None:
    secret = derive_secret(b"k" * 32, ONE, 1)

    assert secret == derive_secret(b"k" * 32, ONE, 1)
    assert len({secret, derive_secret(b"x" * 32, ONE, 1), derive_secret(b"k" * 32, OTHER, 1)}) == 3
    assert secret != derive_secret(b"k" * 32, ONE, 2)
    assert secret.startswith("whsec_")
    assert len(secret) == len("whsec_") + 44
