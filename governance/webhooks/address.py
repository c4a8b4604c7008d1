"""Which addresses a receiver may have: https at the usual port of a public name. Pure.

A server that sends to a given address can be made to ask what only it can reach (server-side request forgery, OWASP).
So an address is refused in words when it is entered, and what its name stands for is looked at before each connection.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import StringConstraints

from governance.kernel.errors import Invalid, message
from governance.kernel.field_type import FieldType
from governance.kernel.labels import Label, LabelledEnum
from governance.kernel.yen import printable

MAX_ADDRESS_LENGTH: Final = 500
PORT: Final = 443

NOT_AN_ADDRESS = message(
    "webhook.not_an_address",
    ja="「{given}」はアドレスとして読めません。https://受信側の名前/… の形の、500 文字以内の半角にしてください。",
    en="“{given}” is not an address; give https://name-of-the-receiver/…, at most 500 ASCII characters.",
)
NOT_HTTPS = message(
    "webhook.not_https",
    ja="「{given}」は https ではありません。監査記録は暗号化した経路だけで送ります。",
    en="“{given}” is not https; events are sent encrypted only.",
)
USER_INFO = message(
    "webhook.user_info",
    ja="アドレスに利用者名やパスワードを含めることはできません。受信側は署名で送信元を確かめます。",
    en="An address holds no user name or password; the receiver goes by the signature.",
)
ODD_PORT = message(
    "webhook.odd_port",
    ja="ポート {given} には送れません。https のポート 443 にしてください。",
    en="Nothing is sent to port {given}; use 443, the port of https.",
)
IS_NUMBER = message(
    "webhook.number",
    ja="「{given}」は IP アドレス {address}（{kind}）です。受信側の公開された名前を指定してください。",
    en="“{given}” is the IP address {address} ({kind}); give the receiver's public name.",
)
INTERNAL_NAME = message(
    "webhook.internal_name",
    ja="「{given}」は内部だけで使う名前です。受信側の公開された名前を指定してください。",
    en="“{given}” is a name for internal use; give the receiver's public name.",
)

_URI: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{1,500}")
"""The characters of RFC 3986, 2."""
_NAME: Final = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}\.?")
_INTERNAL: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "in-addr.arpa", "ip6.arpa")
"""RFC 6761, RFC 6762, RFC 8375, and what ICANN keeps for internal use."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
_METADATA: Final = frozenset(
    map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"))
)
"""Where cloud machines ask for their own credentials."""


class AddressKind(LabelledEnum):
    """What an IP address is for."""

    LOOPBACK = "loopback", "この機械自身", "this machine itself"
    METADATA = "metadata", "クラウドのメタデータ", "cloud metadata"
    LINK_LOCAL = "link-local", "リンクローカル", "link-local"
    PRIVATE = "private", "内部のネットワーク", "a private network"
    RESERVED = "reserved", "公開されていないアドレス", "not a public address"
    PUBLIC = "public", "公開のアドレス", "a public address"


def kind_of(address: IPv4Address | IPv6Address) -> AddressKind:
    """What the address is for; an IPv6 address that stands for one of IPv4 is what that one is."""
    if isinstance(address, IPv6Address) and (inner := _embedded(address)) is not None:
        return kind_of(inner)
    if address in _METADATA:
        return AddressKind.METADATA
    if address.is_loopback:
        return AddressKind.LOOPBACK
    if address.is_link_local:
        return AddressKind.LINK_LOCAL
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return AddressKind.RESERVED
    if address.is_private:
        return AddressKind.PRIVATE
    return AddressKind.PUBLIC if address.is_global else AddressKind.RESERVED


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (None if teredo is None else teredo[1])


def split_address(url: str) -> SplitResult:
    """The parts of a receiver's address. Raises Invalid for one that nothing may be sent to."""
    shown = printable(url)
    if not _URI.fullmatch(url):
        raise Invalid(NOT_AN_ADDRESS, given=shown)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid(NOT_AN_ADDRESS, given=shown) from None
    if parts.scheme != "https":
        raise Invalid(NOT_HTTPS, given=shown)
    if "@" in parts.netloc:
        raise Invalid(USER_INFO)
    host = parts.hostname or ""
    address = _as_number(host)
    if address is not None:
        raise Invalid(IS_NUMBER, given=host, address=str(address), kind=kind_of(address))
    if host.rstrip(".").rpartition(".")[2] in _INTERNAL or host.rstrip(".").endswith(tuple(f".{e}" for e in _INTERNAL)):
        raise Invalid(INTERNAL_NAME, given=host)
    if host and "." not in host:
        raise Invalid(INTERNAL_NAME, given=host)
    if not _NAME.fullmatch(host) or "#" in url:
        raise Invalid(NOT_AN_ADDRESS, given=shown)
    if port not in (None, PORT):
        raise Invalid(ODD_PORT, given=str(port))
    return parts


def _as_number(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is, in each writing that resolvers take: 127.1, 0x7f000001 and 2130706433, too."""
    if ":" in host:
        try:
            return ip_address(host.partition("%")[0])
        except ValueError:
            return None
    if not _NUMBER.fullmatch(host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except OSError:
        return None


def check_address(url: str) -> str:
    """The same address. Raises Invalid for one that nothing may be sent to."""
    split_address(url)
    return url


WEBHOOK_ADDRESS: Final = FieldType(
    name="webhook_address",
    read=lambda text: text.strip(),
    check=check_address,
    hint=Label("例: https://siem.example.lg.jp/moyai", "as in https://siem.example.lg.jp/moyai"),
    inputmode="url",
    right=("https://siem.example.lg.jp/moyai", "https://events.example.com:443/in?from=moyai"),
    wrong=(("http://siem.example.lg.jp/", "webhook.not_https"), ("https://10.0.0.1/", "webhook.number")),
    json_schema={
        "format": "uri",
        "maxLength": MAX_ADDRESS_LENGTH,
        "pattern": "^https://[A-Za-z0-9-]{1,63}(\\.[A-Za-z0-9-]{1,63})+(:443)?(/[^#\\s]*)?$",
    },
)

WebhookAddress = Annotated[str, StringConstraints(max_length=2_000), WEBHOOK_ADDRESS]
"""Where events are sent: https at a public name."""
