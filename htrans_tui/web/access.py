"""Access rules of the server: checks of the `Host` and `Origin` headers.

A browser sends requests on behalf of any page. Without these checks a foreign page could open
the websocket, directly or through a host name that resolves to this machine (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.errors import HTransError


@dataclass(frozen=True, slots=True)
class Access:
    """Host names of this server in lower case, and its public origin if it has one."""

    names: frozenset[str]
    origin: str | None = None

    def knows(self, host: str | None) -> bool:
        """Check the `Host` header: a name of this server, or any IP address.

        DNS rebinding needs a host name, so IP addresses are safe.
        """
        name = _name_in(host or "")
        return name is not None and (name in self.names or _address(name) is not None)

    def sent(self, origin: str | None, host: str | None) -> bool:
        """Check that the `Origin` header names this server."""
        if origin is None:
            return False
        origin = origin.lower()
        if origin == self.origin:
            return True
        scheme, _, authority = origin.partition("://")
        return scheme in ("http", "https") and bool(authority) and authority == (host or "").lower()


def access_at(host: str, url: str | None = None) -> Access:
    """Build the access rules of a server.

    Args:
        host: Host name or address that the server listens on.
        url: Public URL of the server, such as https://name behind a proxy.

    Raises:
        HTransError: If `url` is not an http:// or https:// URL without a path.
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
        raise HTransError(f"--url {url}: expected https://name or https://name:port")
    return Access(frozenset({*names, name}), f"{parts.scheme}://{parts.netloc}")


def is_loopback(host: str) -> bool:
    """Return whether `host` is a loopback address, reachable from this machine only."""
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
