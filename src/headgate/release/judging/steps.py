"""Judge a release from what was recorded: rollups every time, the prediction log and the outcomes every five seconds.

Each pass reads only what is new, and keeps what it adds up to in memory; a process that starts reads the rung from its
beginning and arrives at the same. What cannot be read leaves its guards unsure, with the reason: it is neither harm nor
sound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from headgate.base.errors import HeadgateError
from headgate.policy.guards import BusinessGuard
from headgate.predictions.rollup import FINAL_SECONDS, Rollups
from headgate.release.evidence import Evidence, Verdict, nothing_seen
from headgate.release.judging.answers import WINDOW
from headgate.release.judging.course import MOST_DIFFERING, Course
from headgate.release.judging.past import REACH, USUAL, Past, asked, learn_past, own
from headgate.release.judging.ports import Log
from headgate.release.judging.sides import LIVE, Whose
from headgate.release.standing import Standing
from headgate.release.statistics.dispersion import HISTORY_SECONDS
from headgate.routing.route import CHAMPION

WRITTEN = 4  # seconds after which whoever serves has written a second that is final, also in the log
BEHIND = int(FINAL_SECONDS) + WRITTEN
PIECE = 3600  # seconds that are read at once
LOG_PIECE = 600


@dataclass(slots=True)
class Watched:
    """The rung of a release as far as it was read.

    Attributes:
        key: Which release, rung and arms.
        rows: The second up to which rollups were read.
        log: By what was asked of the log, the second up to which it was read.
        broken: What could not be read the last time, and why.
    """

    key: tuple[object, ...]
    course: Course
    rows: int
    log: dict[str, int] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


class Observer:
    """Says what was measured about releases (`release.ports.Judge`).

    Args:
        rollups: What every arm did by the second.
        log: What was predicted, and what became true.
        tasks: Task of each model.
        final: Model to the seconds after which a second is final (`serving.final_after`); FINAL_SECONDS for others.
    """

    def __init__(
        self, rollups: Rollups, log: Log, tasks: Mapping[str, str], final: Mapping[str, float] | None = None
    ) -> None:
        self._rollups, self._log, self._tasks, self._final = rollups, log, tasks, final or {}
        self._watched: dict[str, Watched] = {}

    def evidence(self, at: Standing, now: datetime) -> Evidence:
        """Return everything that was measured about a release on its present rung."""
        if at.rung < 0 or at.state.ended:
            self._watched.pop(at.release, None)
            return nothing_seen(at.since)
        final = int(now.timestamp() - self._final.get(at.model, FINAL_SECONDS)) - WRITTEN
        try:
            watched = self._known(at, final)
            if isinstance(watched, str):
                return Evidence(Verdict.UNSURE, watched, at.since)
            self._read_rows(watched, at.model, final)
        except HeadgateError as error:
            return Evidence(Verdict.UNSURE, f"rollups cannot be read: {error.what}", at.since)
        self._read_log(watched, at, final, now)
        return watched.course.evidence(watched.broken)

    def shares(self, _at: Standing, _now: datetime) -> Mapping[str, float]:
        """Ask for no shares: a bandit's are asked for elsewhere."""
        return {}

    def _known(self, at: Standing, final: int) -> Watched | str:
        """Return the rung as it was left, or begun anew; or why it cannot be judged yet."""
        key = (at.model, at.rung, at.since, at.before, at.dropped, tuple(at.shares.items()))
        found = self._watched.get(at.release)
        if found is not None and found.key == key:
            return found
        past = self._past(at, final)
        if isinstance(past, str):
            return past
        course = Course(at, past, self._tasks[at.model])
        made = Watched(key, course, course.begins)
        made.log = dict.fromkeys(
            ("answers", "decided", "differing", "outcomes", "pairs"), course.begins // WINDOW * WINDOW
        )
        gone = [name for name, one in self._watched.items() if one.key[0] == at.model and name != at.release]
        for name in gone:  # of one model, one release has traffic at a time
            del self._watched[name]
        self._watched[at.release] = made
        return made

    def _past(self, at: Standing, final: int) -> Past | str:
        began = int(at.started.timestamp())
        if final < began:
            return f"the seconds before the start are final in {began - final} s"
        rows = list(self._rollups.read(at.model, began - REACH, max(min(final, began + PIECE), began)))
        champion = own(rows, Whose(CHAMPION, at.before, LIVE))
        found = learn_past(champion, began)
        if found is not None:
            return found
        return (
            f"the champion (version {at.before}) has answered {asked(champion):,} of the {USUAL:,} requests that say "
            "what is usual; evidence begins after them"
        )

    def _read_rows(self, watched: Watched, model: str, final: int) -> None:
        """Read on to the newest second that is there: whoever serves writes all arms of a second together."""
        while watched.rows < final:
            until = min(final, watched.rows + PIECE)
            rows = list(self._rollups.read(model, watched.rows, until))
            watched.course.feed_rows(rows)
            if until == final:
                watched.rows = max((row.key.second + 1 for row in rows), default=watched.rows)
                return
            watched.rows = until

    def _read_log(self, watched: Watched, at: Standing, final: int, now: datetime) -> None:
        course, model = watched.course, at.model
        due = _due(at)
        late = ceil(due.total_seconds())
        tasks: dict[str, tuple[int, Callable[[int, int], None]]] = {
            "answers": (final, lambda since, until: self._answers(watched, model, since, until)),
            "outcomes": (
                final - late,
                lambda since, until: course.feed_outcomes(
                    self._log.outcomes(model, course.who, since, until, now, due)
                ),
            ),
            "pairs": (final - late, lambda since, until: self._pairs(course, model, since, until, now, due)),
            "decided": (final, lambda since, until: self._decided(course, model, since, until)),
            "differing": (final, lambda since, until: self._differing(course, model, since, until)),
        }
        for name in sorted(course.asks):
            final_of, read = tasks[name]
            self._read_on(watched, name, final_of // WINDOW * WINDOW, read)

    def _read_on(self, watched: Watched, name: str, final: int, read: Callable[[int, int], None]) -> None:
        try:
            while watched.log[name] < final:
                until = min(final, watched.log[name] + LOG_PIECE)
                read(watched.log[name], until)
                watched.log[name] = until
        except HeadgateError as error:
            watched.broken[name] = f"the log cannot be read: {error.what}"
        else:
            watched.broken.pop(name, None)

    def _answers(self, watched: Watched, model: str, since: int, until: int) -> None:
        course = watched.course
        if since == course.begins // WINDOW * WINDOW:
            course.learn(self._log.answers(model, course.who, since - HISTORY_SECONDS, since))
        course.feed_answers(self._log.answers(model, course.who, since, until))

    def _pairs(self, course: Course, model: str, since: int, until: int, now: datetime, due: timedelta) -> None:
        for name, whose in course.who.arms.items():
            course.feed_pairs(name, self._log.pairs(model, whose.version, since, until, now, due))

    def _decided(self, course: Course, model: str, since: int, until: int) -> None:
        for name, whose in course.who.arms.items():
            course.feed_decided(name, self._log.pairs(model, whose.version, since, until))

    def _differing(self, course: Course, model: str, since: int, until: int) -> None:
        for whose in course.who.arms.values():
            course.show(self._log.differing(model, whose.version, since, until, MOST_DIFFERING))


def _due(at: Standing) -> timedelta:
    """Return after how long the outcomes of a release are due: the longest that a guard names."""
    guards = at.plan.rules.guards
    found = [guard.maturity for guard in guards.named.values() if isinstance(guard, BusinessGuard)]
    return max([*found, *([guards.quality.maturity] if guards.quality else [])], default=timedelta(0))
