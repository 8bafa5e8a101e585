"""A run as a value: its stages, what each one depends on, and what has been done. Reads and writes nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from headgate.base.digest import Json, digest_json
from headgate.base.errors import BadInput

Stage = Literal["validate", "assemble", "fit", "evaluate", "package", "register"]
STAGES: tuple[Stage, ...] = ("validate", "assemble", "fit", "evaluate", "package", "register")
FORMAT = 1  # raised when a stage's output changes its form, so that older outputs are not taken for it


def stage_key(stage: Stage, inputs: Json) -> str:
    """Return the name of a stage's output: 32 hex digits that change when anything it depends on changes."""
    return digest_json({"stage": stage, "format": FORMAT, "inputs": inputs}).removeprefix("sha256:")[:32]


def stage_named(name: str) -> Stage:
    """Return the stage of this name."""
    for stage in STAGES:
        if stage == name:
            return stage
    raise BadInput(f"there is no stage {name!r}", where="--stage", way_out=f"name one of {', '.join(STAGES)}")


@dataclass(frozen=True, slots=True)
class Done:
    """A finished stage.

    Attributes:
        key: Name of its output folder.
        reused: True when the output was already there.
        seconds: How long it took.
    """

    key: str
    reused: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """One training run.

    Attributes:
        id: Sorts by time.
        model: The model's name.
        requester: Who asked for it (``person:ada``).
        started: ISO 8601, UTC.
        done: Finished stages.
        failed: The stage that failed last, and why; empty when none did.
        version: The version it became; empty until then.
    """

    id: str
    model: str
    requester: str
    started: str
    done: Mapping[str, Done] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    def with_done(self, stage: Stage, done: Done) -> "Run":
        """Return the run with one more finished stage."""
        return replace(self, done={**self.done, stage: done}, failed={})

    def with_failure(self, stage: Stage, why: str) -> "Run":
        """Return the run stopped at a stage."""
        return replace(self, failed={"stage": stage, "why": why})

    def to_json(self) -> Json:
        """Return what is kept in run.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Run":
        """Read what to_json wrote."""
        done = {stage: Done(**entry) for stage, entry in body["done"].items()}
        return cls(**{**body, "done": done})
