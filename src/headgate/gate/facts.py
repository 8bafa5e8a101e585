"""Everything that was measured about a version before its lines are judged. Values only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headgate.gate.load import Load
from headgate.gate.profiled import Profiled
from headgate.gate.rows import Answers, HeldOut, Silent

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak memory of a fresh process that loads and runs a bundle, its own children counted.

    Attributes:
        peak_mb: The peak, in MB of 1,000,000 bytes.
        before_mb: What the process held before it opened the bundle (Python and the libraries).
        rows: The largest batch that it ran.
    """

    peak_mb: float
    before_mb: float
    rows: int


@dataclass(frozen=True, slots=True)
class Parity:
    """How well the packaged model agrees with the native one, as recorded at packaging.

    Attributes:
        share: Share of rows that agree within the tolerance, in the group of rows where it is smallest.
        rows: Rows that were compared, generated extreme ones included.
        group: That group (held out, unseen, missing, extreme, threshold); empty when every group agrees alike.
        largest: Largest difference seen.
        runtime: What the bundle runs on.
    """

    share: float
    rows: int
    largest: float
    runtime: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Something that could not be measured, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the lines of a scorecard are judged by.

    Attributes:
        held_out: The rows that judge; later than the candidate's training data.
        candidate: What the candidate answered on them.
        champion: What the champion answered on them; None when there is no champion yet.
        loads: (rate, seconds) -> name (candidate, champion) -> load, for every latency line that no profile answers.
        profiles: name (candidate, champion) -> recorded profiles that hold for this machine and these settings.
        bytes: Size of the candidate's bundle on disk.
        memory: For a memory line.
        parity: For a parity line.
        seed: Of the bootstrap.
    """

    held_out: HeldOut
    candidate: Answers | Silent
    champion: Answers | Silent | None
    bytes: int = 0
    loads: Mapping[tuple[float, float], Mapping[str, Load] | Unmeasured] = field(default_factory=dict)
    profiles: Mapping[str, Sequence[Profiled]] = field(default_factory=dict)
    memory: Memory | Unmeasured = Unmeasured("it was not asked for")
    parity: Parity | Unmeasured = Unmeasured("it was not recorded")
    seed: int = 0


NO_CHAMPION = "no champion yet: absolute only"
