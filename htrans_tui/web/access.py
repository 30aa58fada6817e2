"""Who may talk to the server: pages that it sent itself, under names that are its own.

A browser sends requests for any page that asks it to. Without these rules a foreign page could
open the websocket, or reach it by a name of its own that it lets point to this machine (DNS
rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import HTransError


@dataclass(frozen=True, slots=True)
class Access:
    """The host names that are this server's, in lower case, and its public origin if it has one."""

    names: frozenset[str]
    origin: str | None = None

    def knows(self, host: str | None) -> bool:
        """Whether a request's `Host` is this server: by one of its names, or by any address.

        Foreign pages can borrow a name for a while, never an address.
        """
        name = _name_in(host or "")
        return name is not None and (name in self.names or _address(name) is not None)

    def sent(self, origin: str | None, host: str | None) -> bool:
        """Whether the page of this `Origin` came from this server."""
        if origin is None:
            return False
        origin = origin.lower()
        if origin == self.origin:
            return True
        scheme, _, place = origin.partition("://")
        return scheme in ("http", "https") and bool(place) and place == (host or "").lower()


def access_at(host: str, url: str | None = None) -> Access:
    """The rules for a server that listens at `host` and is reached from outside as `url`.

    Raises `HTransError` unless `url` is http:// or https:// with a host and nothing behind it.
    """
    names = {"localhost", host.lower(), socket.gethostname().lower()}
    if url is None:
        return Access(frozenset(names))
    try:
        parts = urlsplit(url.lower())
        name, _ = parts.hostname, parts.port
    except ValueError:
        name = None
    if name is None or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
        raise HTransError(f"--url {url}: write it as https://name or https://name:port")
    return Access(frozenset({*names, name}), f"{parts.scheme}://{parts.netloc}")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at `host`."""
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _name_in(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
