"""A webhook leads nowhere inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.journal.address import refuse_address, refuse_url

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "0.1.2.3",
    "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.5", "240.0.0.1", "::1", "fc00::1", "fd12:3456::1", "fec0::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "2002:7f00:1::", "2002:c0a8:101::1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b:1::a00:1", "::7f00:1", "2001:db8::1",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "169.254.1.1", "100.100.100.200", "168.63.129.16", "fe80::1", "fe80::1%eth0", "fd00:ec2::254",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::a9fe:a9fe", "0.0.0.0", "::", "224.0.0.1",  # noqa: S104
    "ff02::1", "255.255.255.255", "::ffff:0.0.0.0", "2001:0:7f00:1::", "nonsense", "",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_passes_only_when_the_policy_allows_it(address: str) -> None:
    assert "private" in refuse_address(address, allow_private=False)
    assert refuse_address(address, allow_private=True) == ""


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_addresses_of_nobody_never_pass(address: str) -> None:
    assert refuse_address(address, allow_private=True)
    assert refuse_address(address, allow_private=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address: str) -> None:
    assert refuse_address(address, allow_private=False) == ""


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_written_as_ipv6_is_judged_the_same(address: object) -> None:
    for allow in (True, False):
        plain = refuse_address(str(address), allow_private=allow)
        assert bool(plain) == bool(refuse_address(f"::ffff:{address}", allow_private=allow))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com", "only http and https are allowed, not ftp"),
        ("file:///etc/passwd", "only http and https"),
        ("example.com/hook", "without a scheme"),
        ("http://", "names no host"),
        ("https://user:pass@example.com", "name or password"),
        ("http://example.com:0/", "port 0"),
        ("http://example.com:99999/", "cannot be read"),
        ("http://exa mple.com/", "a space"),
        ("http://example.com/\r\nX: y", "control character"),
        ("http://[::1", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_a_webhook_says_why(url: str, why: str) -> None:
    assert why in refuse_url(url)


@pytest.mark.parametrize("url", ["http://example.com", "https://example.com:8443/a?b=c", "https://[2606:4700::1]/x"])
def test_a_good_url_passes(url: str) -> None:
    assert refuse_url(url) == ""
