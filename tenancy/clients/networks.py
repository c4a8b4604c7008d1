"""The networks from which a service client may call: read strictly, and asked about one address. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import StringConstraints

from governance.kernel.errors import Invalid, message
from governance.kernel.field_type import Control, FieldType
from governance.kernel.labels import Label
from governance.kernel.yen import printable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_NETWORKS: Final = 50

NOT_A_NETWORK = message(
    "client.not_a_network",
    ja="「{given}」は、ネットワークとして読めません。192.0.2.0/24、192.0.2.7 のように入力してください。",
    en="“{given}” is no network; write it as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32.",
)
HOST_PART_GIVEN = message(
    "client.host_part_given",
    ja="「{given}」は、ネットワークの先頭のアドレスではありません。正しくは {right} です。",
    en="“{given}” is not the first address of the network; that is {right}.",
)
EVERYWHERE = message(
    "client.everywhere",
    ja="「{given}」は、すべての接続元を許可することになります。制限しないときは、空欄にしてください。",
    en="“{given}” allows every source; leave the field empty for no limit.",
)
TOO_MANY_NETWORKS = message(
    "client.too_many_networks",
    ja="ネットワークは {most} 個までです（{number} 個あります）。",
    en="At most {most} networks can be given; these are {number}.",
)
NOT_AN_IP_ADDRESS = message(
    "client.not_an_ip_address",
    ja="「{given}」は、IPアドレスとして読めません。192.0.2.7 のように入力してください。",
    en="“{given}” is no IP address; write it as 192.0.2.7 or 2001:db8::1.",
)


def read_networks(text: str, *, field: str = "networks") -> tuple[str, ...]:
    """The networks in a text, parted by spaces, lines or commas: in canonical form, each once, sorted.

    An address alone is a network of one. Raises Invalid at `field`: for what is no network, one with bits beyond its
    prefix, one that is everything, and more than 50.
    """
    found: set[Network] = set()
    for given in text.replace(",", " ").replace("、", " ").split():
        found.add(_network(given, field))
    if len(found) > MAX_NETWORKS:
        raise Invalid(TOO_MANY_NETWORKS, field=field, most=MAX_NETWORKS, number=len(found))
    return tuple(str(one) for one in sorted(found, key=lambda one: (one.version, one)))


def read_address(text: str, *, field: str = "address") -> Address:
    """One address; an IPv4 address within IPv6 is read as the former. Raises Invalid at `field`."""
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        raise Invalid(NOT_AN_IP_ADDRESS, field=field, given=printable(text)) from None
    return _plain(found)


def network_of(networks: Iterable[str], address: Address) -> str | None:
    """The first of these networks that has the address; None where none has."""
    plain = _plain(address)
    return next((one for one in networks if plain in ipaddress.ip_network(one)), None)


def admits(networks: Iterable[str], address: Address | None) -> bool:
    """Whether a call from this address is let in: any without networks; an unknown address by none."""
    given = tuple(networks)
    return not given or (address is not None and network_of(given, address) is not None)


def _network(given: str, field: str) -> Network:
    try:
        found = ipaddress.ip_network(given, strict=False)
    except ValueError:
        raise Invalid(NOT_A_NETWORK, field=field, given=printable(given)) from None
    if found.prefixlen == 0:
        raise Invalid(EVERYWHERE, field=field, given=printable(given))
    address = ipaddress.ip_address(given.partition("/")[0])
    if address != found.network_address:
        raise Invalid(HOST_PART_GIVEN, field=field, given=printable(given), right=str(found))
    return found


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _checked(text: str) -> str:
    read_networks(text, field="")
    return text


NETWORKS: Final = FieldType(
    name="networks",
    read=lambda text: text,
    check=_checked,
    hint=Label(
        "1 行に 1 つ。例: 192.0.2.0/24、192.0.2.7。空欄なら制限しません",
        "One a line, as 192.0.2.0/24 or 192.0.2.7; no limit if empty",
    ),
    control=Control.TEXT,
    right=("192.0.2.0/24", "192.0.2.7\n2001:db8::/32"),
    wrong=(("192.0.2.0/33", "client.not_a_network"), ("192.0.2.7/24", "client.host_part_given")),
)

Networks = Annotated[str, StringConstraints(max_length=4_000), NETWORKS]
"""Networks as people type them: parted by lines, spaces or commas."""
