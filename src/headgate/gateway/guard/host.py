"""Whether an address is reached by this machine alone."""

import ipaddress

from headgate.base.errors import Refused


def check_host(host: str, *, insecure: bool, option: str = "--host") -> None:
    """Refuse to listen beyond this machine when there is no key to ask for, unless that is meant (insecure)."""
    if insecure or is_loopback(host):
        return
    raise Refused(
        "this address is reached from beyond this machine, and there is no API key to ask for",
        where=f"{option} {host}",
        way_out="make one with `headgate key create`, listen on 127.0.0.1, or say --insecure-no-auth",
    )


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
