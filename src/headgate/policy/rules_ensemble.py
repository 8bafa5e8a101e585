"""The rules of ensembles: members exist, nothing asks itself, and every answer can be combined.

What a member takes is known when a version of it is pinned; headgate.training.members holds the columns to that.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath

from headgate.base.waves import circle
from headgate.policy.ensemble import WAYS, WEIGHTED, EnsemblePolicy, MemberPolicy
from headgate.policy.model import ModelPolicy
from headgate.policy.problem import KeyPath, Problem, list_words, nearest
from headgate.policy.rules_serving import OUTPUTS

Models = Mapping[str, ModelPolicy]
NOT_FITTED: Mapping[str, str] = {
    "training": "an ensemble fits nothing; take it out",
    "package": "an ensemble holds its members as they were packaged; take it out",
}


def ensemble_rules(models: Models) -> Iterator[Problem]:
    """Yield what is wrong with the ensembles of a project; paths start at the project."""
    asked = {name: model.ensemble for name, model in models.items() if model.ensemble is not None}
    for name, ensemble in asked.items():
        for problem in _rules(name, models[name], ensemble, models):
            yield Problem(("models", name, "ensemble", *problem.path), problem.what)
        yield from _around(name, models[name])
    needs = {
        name: [member.model for member in ensemble.members.values() if member.model != name]
        for name, ensemble in asked.items()
    }
    if round_ := circle(needs):
        path: KeyPath = ("models", round_[0], "ensemble", "members")
        yield Problem(path, f"the ensembles ask each other in a circle: {' -> '.join((*round_, round_[0]))}")


def _around(name: str, model: ModelPolicy) -> Iterator[Problem]:
    """Keys beside `ensemble` that an ensemble cannot have, or must say."""
    for key, why in NOT_FITTED.items():
        if key in model.model_fields_set:
            yield Problem(("models", name, key), why)
    if "file" not in model.features.model_fields_set:
        yield Problem(
            ("models", name, "features", "file"),
            "an ensemble says what prepares its columns: a file with `def features(columns)`, or null for nothing",
        )


def _rules(name: str, model: ModelPolicy, ensemble: EnsemblePolicy, models: Models) -> Iterator[Problem]:
    for key, member in ensemble.members.items():
        if member.model == name:
            yield Problem(("members", key, "model"), f"{name} cannot ask itself")
        elif member.model not in models:
            what = f"there is no model {member.model!r}.{nearest(member.model, models)} Models: {list_words(models)}"
            yield Problem(("members", key, "model"), what)
        yield from _inputs(key, member, model, ensemble, models)
    if round_ := circle(reads(ensemble)):
        shown = " -> ".join((*round_, round_[0]))
        yield Problem(("members", round_[0], "inputs"), f"the members read each other in a circle: {shown}")
    yield from _clashes(model, ensemble)
    yield from _combine(model, ensemble, models)


def reads(ensemble: EnsemblePolicy) -> Mapping[str, tuple[str, ...]]:
    """Return by member the members whose outputs it reads."""
    return {
        key: tuple(dict.fromkeys(of for source in member.inputs.values() if (of := producer(source, ensemble))))
        for key, member in ensemble.members.items()
    }


def producer(source: str, ensemble: EnsemblePolicy) -> str:
    """Return the member whose output this names; empty for a column of the ensemble."""
    name, dot, _ = source.partition(".")
    return name if dot and name in ensemble.members else ""


def counted(ensemble: EnsemblePolicy) -> tuple[str, ...]:
    """Return the members that `mean` and `weighted` combine, in order of name."""
    if ensemble.combine == WEIGHTED:
        return tuple(sorted(ensemble.weights))
    read = {of for others in reads(ensemble).values() for of in others}
    return tuple(sorted(ensemble.members.keys() - read))


def _inputs(
    key: str, member: MemberPolicy, model: ModelPolicy, ensemble: EnsemblePolicy, models: Models
) -> Iterator[Problem]:
    """Sources are outputs of other members, or columns; what features() makes is known only when it runs."""
    columns = _columns(model)
    for name, source in member.inputs.items():
        path: KeyPath = ("members", key, "inputs", name)
        of = producer(source, ensemble)
        if of and (asked := models.get(ensemble.members[of].model)):
            output = source.partition(".")[2]
            if output not in OUTPUTS[asked.task]:
                given = ", ".join(f"{of}.{one}" for one in OUTPUTS[asked.task])
                yield Problem(
                    path, f"{of} gives no {output!r}.{nearest(output, OUTPUTS[asked.task])} It gives: {given}"
                )
        elif not of and model.features.file is None and source not in columns:
            known = (*columns, *ensemble.members)
            what = f"{source!r} is no input of the ensemble, nor MEMBER.OUTPUT.{nearest(source, known)}"
            yield Problem(path, f"{what} Inputs: {list_words(columns)}")


def _columns(model: ModelPolicy) -> tuple[str, ...]:
    stored = [f"{table.prefix}{column}" for table in model.features.stored.values() for column in table.columns]
    return (*model.features.inputs, *stored)


def _clashes(model: ModelPolicy, ensemble: EnsemblePolicy) -> Iterator[Problem]:
    for column in _columns(model):
        if of := producer(column, ensemble):
            yield Problem(("members", of), f"column {column} reads as an output of {of}; give the member another name")


def _combine(model: ModelPolicy, ensemble: EnsemblePolicy, models: Models) -> Iterator[Problem]:
    if ensemble.combine not in WAYS:
        yield from _file(ensemble.combine)
    if ensemble.weights and ensemble.combine != WEIGHTED:
        yield Problem(("weights",), "weights are for `combine: weighted`")
    elif ensemble.combine == WEIGHTED and not ensemble.weights:
        yield Problem(("combine",), "`weighted` needs the key `weights`: member -> weight")
    for key in ensemble.weights:
        if key not in ensemble.members:
            members = ensemble.members
            what = f"there is no member {key}.{nearest(key, members)} Members: {list_words(members)}"
            yield Problem(("weights", key), what)
    if ensemble.combine in WAYS and bool(ensemble.weights) == (ensemble.combine == WEIGHTED):
        yield from _answers(model, ensemble, models)


def _answers(model: ModelPolicy, ensemble: EnsemblePolicy, models: Models) -> Iterator[Problem]:
    """Only answers of one task have a mean; a member that nobody reads is a mistake."""
    chosen = counted(ensemble)
    for key in chosen:
        asked = models.get(ensemble.members[key].model) if key in ensemble.members else None
        if asked is not None and asked.task != model.task:
            what = f"{key} answers {asked.task}, and the ensemble {model.task}; combine them by a file of your own"
            yield Problem(("members", key, "model"), what)
    read = {of for others in reads(ensemble).values() for of in others}
    for key in sorted(ensemble.members.keys() - read - set(chosen)):
        yield Problem(("members", key), f"nobody reads {key}: no other member, and it has no weight")


def _file(name: str) -> Iterator[Problem]:
    outside = PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()
    if outside or ".." in PurePosixPath(name).parts:
        yield Problem(("combine",), f"{name} lies outside the project folder, so no version would hold it")
    elif not name.endswith(".py"):
        allowed = "mean, weighted, or a Python file (.py)"
        yield Problem(("combine",), f"{name!r} is no way to combine.{nearest(name, WAYS)} Allowed: {allowed}")
