"""Ports of this machine: whether one is free at an address, and which process listens on it."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

import psutil

from governance.kernel.errors import Conflict, message

LOOPBACK = "127.0.0.1"

ADDRESS_TAKEN = message(
    "servers.address_taken",
    ja="{address} のポート {port} は、{holder} がすでに使っています。",
    en="Port {port} at {address} is in use by {holder}.",
    hint_ja="それを止めるか、MOYAI_PORT または MOYAI_BIND を変えてください。",
    hint_en="Stop it, or change MOYAI_PORT or MOYAI_BIND.",
)
NOT_OUR_ADDRESS = message(
    "servers.not_our_address",
    ja="{address} のポート {port} では待ち受けられません（{answer}）。",
    en="It is not possible to listen on port {port} at {address} ({answer}).",
    hint_ja="MOYAI_BIND にこのサーバーのアドレスを指定してください。すべてのアドレスは 0.0.0.0 です。",
    hint_en="Set MOYAI_BIND to an address of this host; 0.0.0.0 is all of them.",
)


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Whether a server of ours could listen on that port now, at an IP address of this machine."""
    return _bind_error(address, port) is None


def require_free(address: str, port: int) -> None:
    """Raise Conflict, which says why, where no server of ours could listen there now."""
    error = _bind_error(address, port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        raise Conflict(ADDRESS_TAKEN, address=address, port=port, holder=port_owner(port) or "another process")
    raise Conflict(NOT_OUR_ADDRESS, address=address, port=port, answer=os.strerror(error.errno or 0))


def family(address: str) -> socket.AddressFamily:
    """The family of an IP address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def reachable(address: str) -> str:
    """How this machine reaches a server of its own that listens at an IP address, as it is written in a URL."""
    if address in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return LOOPBACK if address == "0.0.0.0" else "[::1]"  # noqa: S104
    return f"[{address}]" if ":" in address else address


def is_this_machine(host: str) -> bool:
    """Whether every address of a host is one of this machine. A name that cannot be resolved counts as ours."""
    try:
        addresses = {str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return True
    ours = {one.address.partition("%")[0] for found in psutil.net_if_addrs().values() for one in found}
    return all(ipaddress.ip_address(one.partition("%")[0]).is_loopback or one in ours for one in addresses)


def _bind_error(address: str, port: int) -> OSError | None:
    with socket.socket(family(address), socket.SOCK_STREAM) as probe:
        # As servers do: an old connection in TIME_WAIT does not make a port taken, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error
    return None


def port_owner(port: int) -> str | None:
    """The process that listens on `port`, as "name (pid)"; None where the operating system does not tell."""
    try:
        listening = psutil.net_connections(kind="tcp")
    except (psutil.AccessDenied, OSError):
        return None
    for connection in listening:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} ({connection.pid})"
            except psutil.Error:
                return None
    return None
