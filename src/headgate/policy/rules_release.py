"""The rules of a release: its rungs rise, its guards can decide, its freezes leave time to move."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from math import isclose

from headgate.policy.freeze import WEEK, Weekly, parse_window
from headgate.policy.guards import BusinessGuard
from headgate.policy.metrics import METRIC_NAMES, PAIRED
from headgate.policy.model import ModelPolicy
from headgate.policy.problem import KeyPath, Problem, list_words, nearest
from headgate.policy.release import AbPolicy, ReleasePolicy
from headgate.policy.span import show_span

HERE: KeyPath = ("release",)
FIXED = ("errors", "latency", "predictions", "quality", "cost")
OF_TASK = {
    "binary": ("accuracy", "precision", "recall", "conversion", "mean"),
    "multiclass": ("accuracy", "mean"),
    "regression": ("absolute_error", "mean"),
}


def release_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with how versions are released."""
    release = model.release
    yield from _rungs(release)
    yield from _strategy(release)
    yield from _guards(release)
    yield from _quality(release, model.task)
    for name, guard in release.guards.business.items():
        yield from _business((*HERE, "guards", "business", name), name, guard, model.task)
    yield from _times(release, model.serving.lease)


def _rungs(release: ReleasePolicy) -> Iterator[Problem]:
    for position, (one, two) in enumerate(pairwise(release.rungs)):
        if two.share <= one.share:
            yield Problem(
                (*HERE, "rungs", position + 1, "share"),
                f"{two.share:g} is not above the rung before, {one.share:g}: shares rise",
            )
    held = [((*HERE, "rungs", at, "hold"), rung.hold, rung.patience) for at, rung in enumerate(release.rungs)]
    if release.shadow is not None:
        held.append(((*HERE, "shadow", "duration"), release.shadow.duration, release.shadow.patience))
    for path, hold, patience in held:
        if hold > patience:
            yield Problem(path, f"{show_span(hold)} is longer than its patience, {show_span(patience)}")


def _strategy(release: ReleasePolicy) -> Iterator[Problem]:
    if release.strategy == "blue_green" and release.shadow is None:
        yield Problem((*HERE, "shadow"), "blue_green without a shadow would be judged by nothing before it has all")
    if release.strategy == "ab" and release.ab is None:
        yield Problem((*HERE, "strategy"), "ab needs the key `ab`, which says what decides")
    if release.ab is not None:
        yield from _ab((*HERE, "ab"), release.ab, tuple(release.guards.business))


def _ab(here: KeyPath, test: AbPolicy, business: tuple[str, ...]) -> Iterator[Problem]:
    total = sum(test.arms.values())
    if not isclose(total, 1, abs_tol=1e-9):
        yield Problem((*here, "arms"), f"the shares sum to {total:g}, not to 1")
    if "champion" not in test.arms:
        yield Problem((*here, "arms"), f"no arm is called champion.{nearest('champion', test.arms)}")
    for name, share in test.arms.items():
        if not 0 < share < 1:
            yield Problem((*here, "arms", name), f"a share is above 0 and below 1, not {share:g}")
    if test.decide not in business:
        why = f"{test.decide!r} is no guard of guards.business.{nearest(test.decide, business)}"
        yield Problem((*here, "decide"), f"{why} Allowed: {list_words(business)}")
    if test.hold > test.horizon:
        yield Problem((*here, "hold"), f"{show_span(test.hold)} is longer than the horizon, {show_span(test.horizon)}")
    if test.bandit and test.least * len(test.arms) > 1:
        yield Problem((*here, "least"), f"{len(test.arms)} arms cannot all have at least {test.least:g}")


def _guards(release: ReleasePolicy) -> Iterator[Problem]:
    guards = release.guards.named
    if not any(guard.role == "required" for guard in guards.values()):
        yield Problem((*HERE, "guards"), "no guard is required: nothing could carry a release on, or stop it")
    given = {name: guard.weight for name, guard in guards.items() if guard.weight is not None}
    for name in given:
        if guards[name].role == "advisory":
            path = ("business", name) if name in release.guards.business else (name,)
            yield Problem((*HERE, "guards", *path, "weight"), "an advisory guard spends nothing of alpha")
    total, open_ones = sum(given.values()), len(guards) - len(given)
    if total > 1 + 1e-9:
        yield Problem((*HERE, "guards"), f"the weights sum to {total:g}, above 1: alpha would be spent twice")
    elif isclose(total, 1, abs_tol=1e-9) and any(
        guard.weight is None and guard.role == "required" for guard in guards.values()
    ):
        yield Problem((*HERE, "guards"), f"the weights leave nothing for {open_ones} guards that have none")


def _quality(release: ReleasePolicy, task: str) -> Iterator[Problem]:
    quality = release.guards.quality
    if quality is None:
        return
    if quality.metric not in METRIC_NAMES[task]:
        near = nearest(quality.metric, METRIC_NAMES[task])
        what = f"{quality.metric!r} is not computed for {task}.{near} Allowed: {list_words(METRIC_NAMES[task])}"
        yield Problem((*HERE, "guards", "quality", "metric"), what)
    elif quality.metric not in PAIRED[task]:
        what = f"{quality.metric} is no mean over pairs, and cannot be judged while they come in."
        yield Problem((*HERE, "guards", "quality", "metric"), f"{what} Allowed: {list_words(PAIRED[task])}")
    if release.shadow is None:
        yield Problem((*HERE, "guards", "quality"), "is judged on shadowed requests, and `shadow` is null")


def _business(here: KeyPath, name: str, guard: BusinessGuard, task: str) -> Iterator[Problem]:
    if name in FIXED:
        yield Problem(here, f"{name} is the name of another guard; choose one of your own")
    if guard.metric not in OF_TASK[task]:
        yield Problem(
            (*here, "metric"), f"{guard.metric} is not measured for {task}. Allowed: {list_words(OF_TASK[task])}"
        )
    if guard.column is not None and guard.metric != "mean":
        yield Problem((*here, "column"), f"belongs to the metric mean, not to {guard.metric}")
    if guard.metric == "mean" and guard.column is None:
        yield Problem((*here, "metric"), "mean needs `column`: of which number?")
    if guard.better == "lower" and guard.metric not in ("mean", "conversion"):
        yield Problem((*here, "better"), f"which way {guard.metric} is better is known")


def _times(release: ReleasePolicy, lease: timedelta) -> Iterator[Problem]:
    if release.renew > lease / 2:
        yield Problem(
            (*HERE, "renew"),
            f"{show_span(release.renew)} is more than half of serving.lease, {show_span(lease)}: one missed renewal "
            "would give the challenger's share back",
        )
    weekly = [window for window in map(parse_window, release.freeze) if isinstance(window, Weekly)]
    if sum((window.length for window in weekly), timedelta()) >= WEEK and not _free(weekly):
        yield Problem((*HERE, "freeze"), "these windows leave no time in a week: no release would ever move on")


def _free(windows: list[Weekly]) -> bool:
    """Tell whether some minute of the week is in no window; zones that differ are taken as they stand."""
    edges = [window.end % WEEK for window in windows]
    return any(all((edge - window.start) % WEEK >= window.length for window in windows) for edge in edges)
