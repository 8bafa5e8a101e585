"""Where a webhook may lead: which URLs and which addresses are refused, with a why.

Pure: names are resolved by the sender, which connects only to an address that was judged here.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

NAT64 = ip_network("64:ff9b::/96")
CARRIES_IPV4 = [ip_network("64:ff9b:1::/48"), ip_network("::/96")]  # an IPv4 address in the last 32 bits
# Always refused: what answers there hands out the credentials of the machine.
METADATA = {"169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"}
PROTOCOL = ip_network("192.0.0.0/24")


def refuse_url(url: str) -> str:
    """Return why a URL cannot be a webhook's, or nothing."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"it cannot be read: {error}"
    if parts.scheme not in ("http", "https"):
        return f"only http and https are allowed, not {parts.scheme or 'a URL without a scheme'}"
    if not parts.hostname:
        return "it names no host"
    if parts.username is not None or parts.password is not None:
        return "a name or password in the URL would be written down; use the signature"
    if port == 0 or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):  # noqa: PLR2004
        return "it holds a port 0, a space or a control character"
    return ""


def refuse_address(text: str, *, allow_private: bool) -> str:
    """Return why nothing may be sent to an IP address, or nothing.

    Loopback and private addresses pass only with `allow_private`; link-local, metadata, multicast and unspecified ones
    never do. An IPv4 address inside an IPv6 one (mapped, 6to4, Teredo, NAT64, compatible) is judged by itself.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return f"{text} is no address"
    return next((why for each in _seen_through(address) if (why := _refuse(each, allow_private=allow_private))), "")


def _seen_through(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Return every address that a packet to this one may end at."""
    if isinstance(address, IPv4Address):
        return [address]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped or address in NAT64:  # only a way to write or reach the IPv4 one
        return [last]
    inside = [address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in CARRIES_IPV4) and int(address) > 1:
        inside.append(last)
    return [each for each in inside if each] + [address]


def _refuse(address: IPv4Address | IPv6Address, *, allow_private: bool) -> str:
    if str(address) in METADATA or address.is_link_local:
        return f"{address} is a link-local or metadata address"
    if address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255":
        return f"{address} is no address of one machine"
    known = address.is_loopback or address.is_private or not address.is_global or address in PROTOCOL
    if known or address.is_reserved or (isinstance(address, IPv6Address) and address.is_site_local):
        return "" if allow_private else f"{address} is a loopback, private or reserved address (see allow_private)"
    return ""
