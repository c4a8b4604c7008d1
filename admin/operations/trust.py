"""Whom this process believes over TLS: the authorities of MOYAI_CA_FILE where it is set, else the machine's.

OpenSSL, requests and libpq read the file from the environment of their own process; so this is done once, before the
first connection.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from admin.operations.settings import Settings
from governance.kernel.errors import Message, message

_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PGSSLROOTCERT")
_TIMEOUT_SECONDS: Final = 5

UNKNOWN_AUTHORITY = message(
    "tls.unknown_authority",
    ja="{where} の証明書は、このサーバーが知らない認証局のものです。",
    en="The certificate of {where} is from an authority that this machine does not know.",
    hint_ja="その認証局の証明書を MOYAI_CA_FILE に指定してください。",
    hint_en="Name that authority's certificate in MOYAI_CA_FILE.",
)
WRONG_NAME = message(
    "tls.wrong_name",
    ja="{where} の証明書は、別の名前のものです。",
    en="The certificate of {where} is for another name.",
    hint_ja="証明書にある名前を URL に使うか、証明書を作り直してください。",
    hint_en="Use a name of the certificate in the URL, or have the certificate made for this one.",
)
EXPIRED = message(
    "tls.expired",
    ja="{where} の証明書は期限が切れているか、まだ有効になっていません。",
    en="The certificate of {where} has expired or is not valid yet.",
    hint_ja="証明書を更新し、両方のサーバーの時刻を確かめてください。",
    hint_en="Renew the certificate, and check the clocks of both machines.",
)
NO_TLS = message(
    "tls.none",
    ja="{where} は TLS で応答しません。",
    en="{where} does not answer over TLS.",
    hint_ja="URL が https でよいか、ポートが正しいかを確かめてください。",
    hint_en="Check whether https is right and the port is.",
)

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_EXPIRED: Final = frozenset({9, 10})
_WRONG_NAME: Final = frozenset({62, 64})


def trust(settings: Settings) -> None:
    """Let every connection of this process, and of those it starts, believe the authorities of MOYAI_CA_FILE."""
    if settings.ca_file is not None:
        os.environ.update(dict.fromkeys(_VARIABLES, str(settings.ca_file)))


def find_tls_problem(url: str) -> Message | None:
    """Why no TLS connection to the server of an https URL is made; None where one is, or where nobody answers."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return None
    host = parts.hostname or ""
    try:
        with (
            socket.create_connection((host, parts.port or 443), timeout=_TIMEOUT_SECONDS) as connection,
            ssl.create_default_context().wrap_socket(connection, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as refused:
        if refused.verify_code in _EXPIRED:
            return EXPIRED
        return WRONG_NAME if refused.verify_code in _WRONG_NAME else UNKNOWN_AUTHORITY
    except ssl.SSLError:
        return NO_TLS
    except OSError:
        return None
