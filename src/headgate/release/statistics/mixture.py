"""Evidence that grows second by second: a mixture of likelihood ratios, begun anew every two minutes. Pure.

For each value i of a parameter (an odds ratio, a rate) a second adds the log of its likelihood. With weights w of the
alternatives and v of the nulls, the evidence so far is

    R = sum_i w_i L_i / sum_i v_i L_i ,        L = exp(sum over seconds of log-likelihoods / phi)

With one null this is a mean of likelihood ratios: under it the expectation never exceeds 1, at whatever moment one
stops (Ville 1939), so that P(it ever reaches 1/alpha) <= alpha. phi >= 1 keeps that true: x^(1/phi) is concave, and by
Jensen's inequality E[ratio^(1/phi)] <= E[ratio]^(1/phi) <= 1. For a parameter beyond the null, on the other side from
the alternatives, ratios only get smaller in expectation, as likelihood ratios are monotone in k.

Several nulls stand for a null that is drawn: the units of an arm are a sample, and no two samples of units have the
same rate. Then the ratio is that of two mixtures, and its expectation is 1 under the drawn null (dispersion.py).

Fresh faults. Evidence against a challenger that was good for an hour is deep below 1 and needs long to come back. So
most of the stake stays with the whole time, and the rest is set anew every 120 seconds:

    E = .85 R(0, t) + sum_j .15 / (j (j + 1)) R(base_j, t) + .15 / (J + 1)

where J restarts have happened; the last term is the stake of restarts yet to come. A mean of e-processes, with weights
that add up to 1, is one. (With a drawn null a restart forgets what earlier seconds said of it, so its term is fair to
whoever looks from there on; that the sum errs no more often than it says was simulated, and not proven.) Sources:
Ville, Etude critique de la notion de collectif (1939); the mean over starting times is the mixture form of the
e-detectors of Shin, Ramdas and Rinaldo, New England J. Stat. Data Sci. 2 (2024).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from headgate.release.statistics.counts import Floats

RESTART_SECONDS = 120
PIECE = 4_000_000  # numbers held at once: 32 MB
WHOLE = 0.85  # of the stake is on the whole time; a half finds fresh faults a tenth sooner, and all others later


@dataclass(frozen=True, slots=True)
class Running:
    """Where evidence stands: what a next pass needs, and no more.

    Attributes:
        seconds: How many were folded in.
        logs: [values] sums of log-likelihoods / phi.
        bases: logs as they were at each restart.
    """

    seconds: int = 0
    logs: tuple[float, ...] = ()
    bases: tuple[tuple[float, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Running":
        """Read what to_json wrote."""
        bases: Sequence[Sequence[float]] = found["bases"]
        return cls(int(found["seconds"]), tuple(found["logs"]), tuple(tuple(base) for base in bases))


def fold(
    running: Running, steps: Floats, weights: Floats, every: int | None = RESTART_SECONDS
) -> tuple[Running, Floats]:
    """Return the state after new seconds, and log E at the end of each [t].

    Args:
        running: The state before.
        steps: [t, values] log-likelihoods / phi.
        weights: [2, values] of the alternatives and of the nulls; each row adds up to 1.
        every: Seconds between restarts; None: no restarts.
    """
    logs = np.array(running.logs or (0.0,) * steps.shape[1])
    path = np.add.accumulate(np.concatenate([logs[None], steps]), axis=0)
    bases = np.array(running.bases).reshape(-1, steps.shape[1])
    found = log_e(path[1:], weights, every, running.seconds, bases)
    after = running.seconds + len(steps)
    new = restarts(running.seconds, after, every) - running.seconds
    kept = (*running.bases, *(tuple(base) for base in path[new].tolist()))
    return Running(after, tuple(path[-1].tolist()), kept), found


def restarts(before: int, after: int, every: int | None) -> Any:
    """Return the seconds t, before < t <= after, at which evidence begins anew."""
    seconds = np.arange(before + 1, after + 1)
    return seconds[seconds % every == 0] if every else seconds[:0]


def log_e(
    path: Floats,
    weights: Floats,
    every: int | None = RESTART_SECONDS,
    before: int = 0,
    bases: Floats | None = None,
) -> Floats:
    """Return log E [..., t] along sums of log-likelihoods.

    Args:
        path: [..., t, values] the sums at the end of seconds before + 1, before + 2 ...
        weights: [2, values] of the alternatives and of the nulls.
        every: Seconds between restarts; None: none.
        before: How many seconds passed before.
        bases: [..., j, values] sums at the restarts of those.
    """
    path = np.ascontiguousarray(np.moveaxis(path, -1, 0))  # values first: sums over them are quick then
    if not every:
        return _ratio(path, weights)
    length = path.shape[-1]
    ends = restarts(before, before + length, every) - before
    old = path[..., :0] if bases is None else np.moveaxis(bases, -1, 0)
    found = np.empty(path.shape[1:])
    for start, end in zip([0, *ends], [*ends, length], strict=True):
        if start:
            old = np.concatenate([old, path[..., start - 1 : start]], axis=-1)
        part = path[..., start:end]
        unused = np.full(part.shape[1:], np.log((1 - WHOLE) / (old.shape[-1] + 1)))
        terms = [np.log(WHOLE) + _ratio(part, weights), unused, *_restarted(part, old, weights)]
        found[..., start:end] = _log_sum(np.stack(terms))
    return found


def _restarted(part: Floats, bases: Floats, weights: Floats) -> Iterator[Floats]:
    """Yield log [..., t] of what restarts came to, of [values, ..., t] and [values, ..., j]; a week has 5,000."""
    many = max(1, PIECE // max(1, part.size))
    for start in range(0, bases.shape[-1], many):
        some = bases[..., start : start + many]
        j = np.arange(start + 1, start + some.shape[-1] + 1)
        logs = _ratio(part[..., None] - some[..., None, :], weights) + np.log((1 - WHOLE) / (j * (j + 1.0)))
        yield _log_sum(np.moveaxis(logs, -1, 0))


def _ratio(logs: Floats, weights: Floats) -> Floats:
    """Return the log of the weighted mean over alternatives less that over nulls [...], of [values, ...]."""
    found: Floats = _log_mean(logs, weights[0]) - _log_mean(logs, weights[1])
    return found


def _log_mean(logs: Floats, weights: Floats) -> Floats:
    used = np.flatnonzero(weights)
    if len(used) == 1:
        return np.asarray(logs[used[0]])
    some = slice(used[0], used[-1] + 1)
    return _log_sum(logs[some] + _log(weights[some]).reshape(-1, *[1] * (logs.ndim - 1)))


def _log_sum(logs: Floats) -> Floats:
    top = logs.max(axis=0)
    found: Floats = top + np.log(np.exp(logs - top).sum(axis=0))
    return found


def _log(weights: Floats) -> Floats:
    return np.log(weights, where=weights > 0, out=np.full_like(weights, -np.inf))
