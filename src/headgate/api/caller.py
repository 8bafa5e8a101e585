"""Who asks: the person behind an API key, or the login name where this machine asks itself and needs no key. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from headgate.base.errors import BadInput
from headgate.gate.people import NAME, plain_name
from headgate.gateway.guard.keys import ADMIN, KeyTable, credential
from headgate.gateway.guard.roles import CONTROL
from headgate.gateway.refusal import Refusal

ACTOR = b"headgate-actor"
LOCAL = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks.

    Attributes:
        name: Of the person, in its plain form.
        key: Id of their key; empty: none was needed.
        scopes: What they may do.
    """

    name: str
    key: str
    scopes: tuple[str, ...]

    @property
    def actor(self) -> str:
        """The name as the journal records it."""
        return f"person:{self.name}"

    def may(self, scope: str) -> bool:
        """Say whether they may; an admin may all."""
        return ADMIN in self.scopes or scope in self.scopes


def admit(table: KeyTable, headers: Mapping[bytes, bytes], scope: str, now: datetime, login: str) -> Caller:
    """Return who asks, or raise Refusal: 401 without a key that is taken, 403 when it does not carry the scope.

    Where no key is needed and none is shown, the caller is whom the header `headgate-actor` names, else the login.
    """
    key = table.admit(credential(headers), scope, now)
    if key is not None:
        return Caller(plain_name(key.name), key.id, key.scopes)
    name = plain_name(headers.get(ACTOR, b"").decode("latin-1")) or plain_name(login)
    if not NAME.fullmatch(name):
        way_out = "a name begins with a letter; then letters, digits, dot, dash and underscore"
        raise BadInput(f"{name!r} is not a person's name", where="headgate-actor", way_out=way_out)
    return Caller(name, "", (*CONTROL, ADMIN))


def need(caller: Caller, scope: str, what: str) -> None:
    """Raise Refusal (403) unless the caller carries a scope; for what depends on the body."""
    if not caller.may(scope):
        raise Refusal(403, "key_scope", f"{what} needs the scope {scope}, which the API key {caller.key} has not")


def check_origin(host: str, open_to: Iterable[str]) -> None:
    """Refuse a request whose Host is none of this machine's names: a web page may have been pointed here (403).

    Args:
        host: The Host header.
        open_to: Names that are right; empty: the API is meant to be reached by other names, and asks for keys.
    """
    names = tuple(open_to)
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if names and name.lower() not in names:
        raise Refusal(403, "host_unknown", f"this API answers to {', '.join(names)}, not to {host!r}")
