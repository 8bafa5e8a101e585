"""A route: which versions of one model answer, and with which share of the traffic."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isclose
from typing import Any

from headgate.base.digest import Json
from headgate.base.errors import BadInput

COLLECTION = "route"


@dataclass(frozen=True, slots=True)
class Arm:
    """A version with a share of the traffic.

    Attributes:
        name: ``champion``, ``challenger`` or a name of the policy.
        version: The registry's version.
        digest: The bundle's digest; a worker refuses a bundle with another one.
        weight: Share of the traffic, 0 to 1.
        bundle: Path or URL of the bundle folder, so that a worker needs no registry.
    """

    name: str
    version: str
    digest: str
    weight: float
    bundle: str


@dataclass(frozen=True, slots=True)
class Route:
    """The arms of one model; their weights sum to 1."""

    model: str
    revision: int
    arms: tuple[Arm, ...]

    def __post_init__(self) -> None:
        total = sum(arm.weight for arm in self.arms)
        if not self.arms or not isclose(total, 1.0, abs_tol=1e-9) or any(arm.weight < 0 for arm in self.arms):
            raise BadInput(
                f"the weights of a route's arms are shares and sum to 1, not {total:g}",
                where=f"route {self.model}",
                way_out="give every arm a share from 0 to 1",
            )

    @property
    def champion(self) -> Arm:
        """The arm that serves unless a release says otherwise: the one called champion, else the heaviest."""
        named = [arm for arm in self.arms if arm.name == "champion"]
        return named[0] if named else max(self.arms, key=lambda arm: arm.weight)

    def to_json(self) -> Json:
        """Return the document that the gateway polls."""
        return {"model": self.model, "revision": self.revision, "arms": [asdict(arm) for arm in self.arms]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Route":
        """Read what to_json wrote."""
        return cls(body["model"], int(body["revision"]), tuple(Arm(**arm) for arm in body["arms"]))
