"""A policy less what is wrong with it, so that one reading can report what the rules say about the rest.

What comes out is never used for anything but finding further problems.
"""

import copy
from typing import Any

from headgate.policy.model import ProjectPolicy
from headgate.policy.problem import KeyPath, Problem
from headgate.policy.shape import UNKNOWN, look_up, shape

MODEL = 2  # models.NAME
ALONE = frozenset(
    {"split", "scorecard", "training", "package", "segments", "traffic", "serving", "release", "api_version"}
)
"""Parts of a model that no other part refers to."""
HUGE_MB = 1e9


def what_is_left(value: Any, wrong: tuple[Problem, ...]) -> ProjectPolicy | None:
    """Return the policy without what is wrong; None where nothing sensible is left.

    A model goes as a whole where something is wrong that its other keys refer to (its columns, say): what the rules
    would say about those would only confuse.
    """
    if not isinstance(value, dict):
        return None
    rest = copy.deepcopy(value)
    for problem in sorted(wrong, key=lambda problem: len(problem.path), reverse=True):
        if len(problem.path) < MODEL and not _stands_alone(problem):
            return None
        _take_out(rest, problem.path if _stands_alone(problem) else problem.path[:MODEL])
    _take_out_askers(rest, value)
    return shape(rest)[0]


def _take_out_askers(rest: Any, whole: Any) -> None:
    """Take out the ensembles that ask for a model which was taken out: it is there, and only wrong."""
    models, before = look_up(rest, ("models",)), look_up(whole, ("models",))
    if not isinstance(models, dict) or not isinstance(before, dict):
        return
    gone = before.keys() - models.keys()
    while more := {name for name, model in models.items() if gone & _asked(model)}:
        for name in more:
            del models[name]
        gone |= more


def _asked(model: Any) -> set[str]:
    members = look_up(model, ("ensemble", "members"))
    named = [look_up(member, ("model",)) for member in members.values()] if isinstance(members, dict) else []
    return {name for name in named if isinstance(name, str)}


def _stands_alone(problem: Problem) -> bool:
    path = problem.path
    if problem.what.startswith(UNKNOWN) or path[:1] in (("approval",), ("webhooks",), ("moved_alias",)):
        return True
    return path[:1] == ("models",) and path[MODEL : MODEL + 1] != () and path[MODEL] in ALONE


def _take_out(value: Any, path: KeyPath) -> None:
    """Take out what is wrong; where its place must be kept, put there what says nothing."""
    match path:
        case ("models", _, "scorecard", int(position), *_):
            lines = look_up(value, path[: MODEL + 1])
            if isinstance(lines, list):
                lines[position] = {"kind": "size", "at_most_mb": HUGE_MB + position}
        case ("models", _, "split", *_):
            model = look_up(value, path[:MODEL])
            if isinstance(model, dict):
                model["split"] = {"holdout": "1ms"}
        case ("webhooks", _, *_):
            _drop(value, path[:2])
        case _:
            _drop(value, path)


def _drop(value: Any, path: KeyPath) -> None:
    """Take out a key; of a list the whole list, so that no position shifts."""
    while isinstance(path[-1], int):
        path = path[:-1]
    outer = look_up(value, path[:-1])
    if isinstance(outer, dict):
        outer.pop(path[-1], None)
