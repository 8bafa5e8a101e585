"""A route: which versions of one model answer, and with which share of the traffic.

A challenger's share is a lease: it holds until `renewed_until`, which whoever controls the release pushes on; after it
the champion has everything (routing/share.py).
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import isclose
from typing import Any

from headgate.base.digest import Json
from headgate.base.errors import BadInput

COLLECTION = "route"
BUNDLES = "bundles"
CHAMPION, CHALLENGER = "champion", "challenger"
WORD = re.compile(r"[A-Za-z0-9._-]{1,100}")  # names go into headers, metadata, labels and paths


def bundle_of(digest: str) -> str:
    """Return where a bundle lies in every state folder, wherever that is."""
    return f"{BUNDLES}/{digest.removeprefix('sha256:')}"


@dataclass(frozen=True, slots=True)
class Arm:
    """A version with a share of the traffic.

    Attributes:
        name: ``champion``, ``challenger`` or a name of the policy.
        version: The registry's version.
        digest: The bundle's digest; a worker refuses a bundle with another one.
        weight: Share of the traffic, 0 to 1.
        bundle: The bundle's folder in the state folder (`bundle_of`), so that a worker needs no registry; routes of
            old name it by its whole path.
    """

    name: str
    version: str
    digest: str
    weight: float
    bundle: str


@dataclass(frozen=True, slots=True)
class Shadow:
    """A version that gets copies of requests; nobody sees its answers.

    Attributes:
        name: Of the shadow.
        version: The registry's version.
        digest: The bundle's digest.
        fraction: Share of the requests that are copied, 0 to 1.
        bundle: Path or URL of the bundle folder.
    """

    name: str
    version: str
    digest: str
    fraction: float
    bundle: str


@dataclass(frozen=True, slots=True)
class Route:
    """The arms of one model; their weights sum to 1.

    Attributes:
        model: Its name.
        revision: Rises with every change.
        arms: What answers.
        shadows: What gets copies.
        salt: Mixed into the hash of a unit; the same as long as the experiment is.
        renewed_until: Until when the challengers' shares hold; None: they need no renewal.
        release: Names the release that set the shares; empty: nobody's.
    """

    model: str
    revision: int
    arms: tuple[Arm, ...]
    shadows: tuple[Shadow, ...] = ()
    salt: str = ""
    renewed_until: datetime | None = None
    release: str = ""

    def __post_init__(self) -> None:
        where = f"route {self.model}"
        names = [arm.name for arm in self.arms] + [shadow.name for shadow in self.shadows]
        total = sum(arm.weight for arm in self.arms)
        if not self.arms or not isclose(total, 1.0, abs_tol=1e-9) or any(arm.weight < 0 for arm in self.arms):
            raise BadInput(
                f"the weights of a route's arms are shares and sum to 1, not {total:g}",
                where=where,
                way_out="give every arm a share from 0 to 1",
            )
        words = names + [arm.version for arm in self.arms] + [shadow.version for shadow in self.shadows]
        words += [self.release] if self.release else []
        if wrong := [word for word in words if not WORD.fullmatch(word)]:
            what = (
                f"arms, shadows, versions and releases are named by 1 to 100 letters, digits, . _ -, not {wrong[0]!r}"
            )
            raise BadInput(what, where=where, way_out="choose another name")
        if len(set(names)) < len(names):
            raise BadInput(f"two arms or shadows have one name: {', '.join(names)}", where=where)
        if odd := [shadow for shadow in self.shadows if not 0 <= shadow.fraction <= 1]:
            raise BadInput(f"a shadow's fraction is from 0 to 1, not {odd[0].fraction:g}", where=where)
        if self.renewed_until is not None and self.renewed_until.tzinfo is None:
            raise BadInput("renewed_until has no zone", where=where)

    @property
    def champion(self) -> Arm:
        """The arm that serves unless a release says otherwise: the one called champion, else the heaviest."""
        named = [arm for arm in self.arms if arm.name == CHAMPION]
        return named[0] if named else max(self.arms, key=lambda arm: arm.weight)

    @property
    def challengers(self) -> tuple[Arm, ...]:
        """Every arm but the champion, in order."""
        champion = self.champion
        return tuple(arm for arm in self.arms if arm is not champion)

    def to_json(self) -> dict[str, Json]:
        """Return the document that the gateway polls; what is not there is left out, as in documents of old."""
        more: dict[str, Json] = {}
        if self.shadows:
            more["shadows"] = [asdict(shadow) for shadow in self.shadows]
        if self.renewed_until is not None:
            more["renewed_until"] = self.renewed_until.isoformat()
        more |= {key: text for key, text in (("salt", self.salt), ("release", self.release)) if text}
        return {"model": self.model, "revision": self.revision, "arms": [asdict(arm) for arm in self.arms], **more}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Route":
        """Read what to_json wrote, now or in an earlier release."""
        until = body.get("renewed_until")
        return cls(
            body["model"],
            int(body["revision"]),
            tuple(Arm(**arm) for arm in body["arms"]),
            tuple(Shadow(**shadow) for shadow in body.get("shadows", ())),
            body.get("salt", ""),
            datetime.fromisoformat(until) if until else None,
            body.get("release", ""),
        )
