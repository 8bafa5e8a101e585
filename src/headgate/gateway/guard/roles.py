"""What a person may do through the control API: scopes of API keys, and the roles that bundle them. Pure.

A role is nothing but a name for scopes, so that a key made by role and one made by scopes cannot mean different things.
"""

from collections.abc import Iterable, Mapping

from headgate.base.errors import BadInput
from headgate.gateway.guard.keys import ADMIN

READ, OPERATE, APPROVE = "read", "operate", "approve"
CONTROL = (READ, OPERATE, APPROVE)
ROLES: Mapping[str, tuple[str, ...]] = {
    "viewer": (READ,),
    "operator": (READ, OPERATE),
    "approver": (READ, APPROVE),
    "admin": (ADMIN,),
}


def scopes_of(role: str) -> tuple[str, ...]:
    """Return the scopes that a role stands for, or raise BadInput with the roles that exist."""
    if role not in ROLES:
        raise BadInput(f"there is no role {role!r}", where="--role", way_out=f"one of: {', '.join(ROLES)}")
    return ROLES[role]


def role_of(scopes: Iterable[str]) -> str:
    """Return the widest role whose scopes these hold; "" for a key that only asks the gateway."""
    held = set(scopes)
    if ADMIN in held:
        return "admin"
    found = [name for name, wanted in ROLES.items() if held.issuperset(wanted)]
    return " and ".join(name for name in found if name != "viewer" or len(found) == 1)
