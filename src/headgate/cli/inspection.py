"""Look at a project without running any of it: the policy, the user's files, the headers of the data.

Everything is looked at before anything is said: a finding per thing, with all its problems. It imports no user code and
reads no row.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from headgate.base.errors import BadInput, BadPolicy
from headgate.policy.ensemble import WAYS, EnsemblePolicy
from headgate.policy.load import examine, read_text
from headgate.policy.model import ModelPolicy, ProjectPolicy
from headgate.policy.problem import list_words, nearest
from headgate.policy.scorecard import describe, digest

PARAMETERS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one thing.

    Attributes:
        what: What it is, such as ``policy`` or ``data of late``.
        where: The file.
        note: What was seen, when nothing is wrong.
        problems: What is wrong, each with its place.
    """

    what: str
    where: str
    note: str = ""
    problems: tuple[str, ...] = field(default=())


def inspect(path: Path, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return a finding for every part of the project whose headgate.yaml is at the path."""
    try:
        policy, problems = examine(read_text(path), environ)
    except BadPolicy as error:
        return (Finding("policy", path.name, problems=(str(error),)),)
    if policy is None:
        shown = tuple(problem.show(path.name) for problem in problems)
        return (Finding("policy", path.name, problems=shown),)
    found = [Finding("policy", path.name, f"{len(policy.models)} {'model' if len(policy.models) == 1 else 'models'}")]
    for name, model in policy.models.items():
        found += _model(path.parent, name, model)
    return (*found, *_hooks(policy, environ))


def _model(folder: Path, name: str, model: ModelPolicy) -> Iterator[Finding]:
    yield Finding(f"scorecard of {name}", digest(model)[:19], "\n".join(map(describe, model.scorecard)))
    yield _look(f"data of {name}", model.data.source, lambda: _rows(folder, model))
    for table, stored in model.features.stored.items():
        yield _look(f"stored {table} of {name}", stored.source, partial(_stored, folder, model, table))
    if model.features.file is not None:
        yield _look(f"features of {name}", model.features.file, lambda: _features(folder, str(model.features.file)))
    if model.ensemble is None:
        yield _look(f"training of {name}", model.training.file, lambda: _training(folder, model.training.file))
    else:
        yield _look(f"ensemble of {name}", model.ensemble.combine, partial(_ensemble, folder, model.ensemble))


def _look(what: str, where: str, looking: Callable[[], str]) -> Finding:
    try:
        return Finding(what, where, looking())
    except BadInput as error:
        return Finding(what, where, problems=(str(error),))


def _rows(folder: Path, model: ModelPolicy) -> str:
    from headgate.training.table import check_header

    there = check_header(folder / model.data.source, model.data.columns, model.data.source)
    unknown = [name for name in model.data.future if name not in there]
    if unknown:
        raise BadInput(
            "; ".join(
                f"data.future names {name}, which the file does not have.{nearest(name, there)}" for name in unknown
            ),
            where=model.data.source,
            way_out="a misspelt name in data.future guards against nothing; correct it, or take it out",
        )
    return f"{len(model.data.columns)} of {len(there)} columns are read"


def _stored(folder: Path, model: ModelPolicy, table: str) -> str:
    from headgate.training.table import check_header, stored_columns

    stored = model.features.stored[table]
    check_header(folder / stored.source, stored_columns(model, table), stored.source)
    return f"{len(stored.columns)} columns are taken, joined on {list_words(stored.pairs)}"


def _features(folder: Path, file: str) -> str:
    from headgate.features.source import check

    check(_source(folder, file), file)
    return "defines features(); not run"


def _ensemble(folder: Path, ensemble: EnsemblePolicy) -> str:
    from headgate.features.source import check

    if ensemble.combine not in WAYS:
        check(_source(folder, ensemble.combine), ensemble.combine, "combine")
    return f"asks {list_words(f'{name} ({one.model} {one.version})' for name, one in ensemble.members.items())}"


def _training(folder: Path, file: str) -> str:
    check_train(_source(folder, file), file)
    return "defines train(); not run"


def _source(folder: Path, file: str) -> str:
    try:
        return (folder / file).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        beside = sorted(path.name for path in (folder / file).parent.glob("*.py"))
        raise BadInput(
            f"there is no such file.{nearest(Path(file).name, beside)}",
            where=file,
            way_out="write it, or name another one in headgate.yaml; `headgate init` writes one to start from",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=file, way_out="save it as UTF-8 text") from error


def check_train(source: str, where: str) -> None:
    """Refuse a train.py that does not parse or has no function train that takes three arguments.

    Raises:
        BadInput: With the line.
    """
    try:
        tree = ast.parse(source, where)
    except (SyntaxError, ValueError) as error:
        line = f" on line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise BadInput(f"is no Python{line}: {error}", where=where, way_out="fix the syntax") from error
    way_out = "write `def train(frame, labels, params)` that returns the fitted model"
    if any(
        isinstance(node, ast.ImportFrom | ast.Import | ast.Assign) and "train" in _bound(node) for node in tree.body
    ):
        return  # made elsewhere: only running it would tell
    named = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    defined = next((node for node in reversed(named) if node.name == "train"), None)
    if defined is None:
        hint = nearest("train", [node.name for node in named])
        raise BadInput(f"defines no function train.{hint}", where=where, way_out=way_out)
    if isinstance(defined, ast.AsyncFunctionDef):
        raise BadInput(f"train is async on line {defined.lineno}", where=where, way_out=way_out)
    if not _takes_three(defined.args):
        raise BadInput(f"train on line {defined.lineno} does not take three arguments", where=where, way_out=way_out)


def _bound(node: ast.stmt) -> set[str]:
    """Return the names that an import or an assignment binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _takes_three(args: ast.arguments) -> bool:
    most = len(args.posonlyargs) + len(args.args)
    least = most - len(args.defaults)
    needs_more = any(default is None for default in args.kw_defaults)
    return least <= PARAMETERS and (most >= PARAMETERS or args.vararg is not None) and not needs_more


def _hooks(policy: ProjectPolicy, environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, hook in policy.webhooks.items():
        unset = [name for name in (hook.secret_env, hook.url_env) if name and not environ.get(name)]
        note = f"{unset[0]} is not set here" if unset else "its secret is set"
        host = str(urlsplit(hook.url).hostname) if hook.url else f"its URL is in {hook.url_env}"
        yield Finding(f"webhook {name}", host, note)  # a path may hold a secret
