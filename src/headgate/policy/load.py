"""Read headgate.yaml: one error that names every problem by file, line and key, or a policy that holds together."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from headgate.base.errors import BadPolicy
from headgate.policy.document import MOST_BYTES, Document, parse
from headgate.policy.model import ProjectPolicy, Settings
from headgate.policy.problem import KeyPath, Problem
from headgate.policy.remainder import what_is_left
from headgate.policy.rules import check
from headgate.policy.shape import shape

FILE = "headgate.yaml"
NOTHING: Mapping[str, str] = MappingProxyType({})


def find(folder: Path) -> Path:
    """Return the headgate.yaml of the folder, or of the nearest folder above it that has one."""
    start = folder.resolve()
    for place in (start, *start.parents):
        if (place / FILE).is_file():
            return place / FILE
    raise BadPolicy(
        f"there is no {FILE} here nor in a folder above",
        where=str(start),
        way_out="run the command in a project folder, name one with -C, or start one with `headgate init`",
    )


def load(path: Path, environ: Mapping[str, str] = NOTHING) -> ProjectPolicy:
    """Read a policy file (or the headgate.yaml in a folder); settings come from HEADGATE_* variables where set.

    Raises:
        BadPolicy: Names every problem, a line each: file, line, key, what is allowed, the nearest right spelling.
    """
    path = path / FILE if path.is_dir() else path
    policy, problems = examine(read_text(path), environ)
    if policy is None or problems:
        raise refusal(path, problems)
    return policy


def examine(text: str, environ: Mapping[str, str] = NOTHING) -> tuple[ProjectPolicy | None, tuple[Problem, ...]]:
    """Return the policy that the text holds, or None, and every problem with its line, from the top down."""
    document = parse(text)
    if document.value is None and not document.problems:
        document.problems.append(Problem((), "the file is empty; `headgate init` writes one to start from"))
    found = list(document.problems)
    policy = None
    if document.value is not None:
        value = _with_environment(document.value, environ)
        policy, every = shape(value)
        wrong = tuple(problem for problem in every if not any(_below(problem.path, seen.path) for seen in found))
        whole = policy or what_is_left(value, every)
        found += wrong
        found += check(whole) if whole is not None else ()
    return (policy if not found else None), _placed(found, document, environ)


def _below(path: KeyPath, outer: KeyPath) -> bool:
    return path[: len(outer)] == outer and bool(outer)


def _placed(found: list[Problem], document: Document, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Give every problem its line, say where a variable is behind it, and sort from the top down."""
    placed = []
    for problem in found:
        source = f"HEADGATE_{str(problem.path[-1]).upper()}" if problem.path[:1] == ("settings",) else ""
        what = f"{problem.what} (from the environment variable {source})" if source in environ else problem.what
        placed.append(Problem(problem.path, what, problem.line or document.line_of(problem.path)))
    return tuple(sorted(placed, key=lambda problem: problem.line))


def refusal(path: Path, problems: tuple[Problem, ...]) -> BadPolicy:
    """Return the one error that lists every problem."""
    lines = [problem.show(str(path)) for problem in problems]
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    return BadPolicy(
        "\n  ".join([f"the policy cannot be used, {count}:", *lines]),
        where=str(path),
        way_out="docs/reference/policy.md explains every key; `headgate check` looks again without running anything",
    )


def read_text(path: Path) -> str:
    """Return the file's text, or raise BadPolicy: missing, too large, not UTF-8."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise BadPolicy(
            f"cannot be read: {error.strerror}", where=str(path), way_out="start a project with `headgate init`"
        ) from error
    if data is None:
        raise BadPolicy(f"larger than {MOST_BYTES} bytes", where=str(path), way_out="a policy is a few pages long")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadPolicy("is not UTF-8 text", where=f"{path}:{line}", way_out="save the file as UTF-8") from error


def _with_environment(value: Any, environ: Mapping[str, str]) -> Any:
    """Lay HEADGATE_DATABASE and the like over the settings."""
    over = {key: environ[name] for key in Settings.model_fields if (name := f"HEADGATE_{key.upper()}") in environ}
    if not over or not isinstance(value, dict):
        return value
    settings = value.get("settings") or {}
    return {**value, "settings": {**settings, **over}} if isinstance(settings, dict) else value
