"""The rules of a model's columns, features, files and split.

A column is named in many places; every name must be declared in data.columns, have the type that its place needs, and
not bring the future to the model.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import PurePosixPath, PureWindowsPath

from headgate.policy.model import ColumnPolicy, ModelPolicy, StoredFeatures, parse_moment, show_span
from headgate.policy.problem import KeyPath, Problem, list_words, nearest

LABEL_TYPES: Mapping[str, tuple[str, ...]] = {
    "binary": ("bool", "int", "string"),
    "multiclass": ("string", "int"),
    "regression": ("float", "int"),
}
CLASSES = 2


def data_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with data: undeclared columns, wrong types, columns in two roles, ranges."""
    data = model.data
    roles: list[tuple[KeyPath, str | None, tuple[str, ...]]] = [
        (("id",), data.id, ("string", "int")),
        (("time",), data.time, ("timestamp",)),
        (("label", "column"), data.label.column, LABEL_TYPES[model.task]),
        (("label", "known_at"), data.label.known_at, ("timestamp",)),
        (("label", "true_at"), data.label.true_at, ("timestamp",)),
    ]
    for key, name, types in roles:
        if name is not None:
            yield from column_rules(("data", *key), name, types, data.columns)
    yield from _roles(model)
    yield from _classes(model)
    yield from _columns(("data", "columns"), data.columns)
    yield from _future(model)


def column_rules(
    path: KeyPath, name: str, types: tuple[str, ...], columns: Mapping[str, ColumnPolicy]
) -> Iterator[Problem]:
    """Yield what is wrong with naming a column here: not declared, or of a type that this place cannot use."""
    if name not in columns:
        yield Problem(
            path, f"{name!r} is not declared in data.columns.{nearest(name, columns)} Declared: {list_words(columns)}"
        )
    elif types and columns[name].type not in types:
        yield Problem(path, f"column {name} is of type {columns[name].type}. Allowed here: {list_words(types)}")


def _roles(model: ModelPolicy) -> Iterator[Problem]:
    """No column is two of id, time and label; id and time are never missing."""
    data = model.data
    if data.time == data.id:
        yield Problem(("data", "time"), f"{data.time} is the id already")
    if data.label.column in (data.id, data.time):
        role = "id" if data.label.column == data.id else "time"
        yield Problem(("data", "label", "column"), f"{data.label.column} is the {role} already")
    for key, name in (("id", data.id), ("time", data.time)):
        if name in data.columns and data.columns[name].missing:
            yield Problem(("data", "columns", name, "missing"), f"the {key} of a row is never missing")
    if data.label.true_at and not data.label.known_at:
        yield Problem(("data", "label", "true_at"), "checks known_at, which is not set")


def _classes(model: ModelPolicy) -> Iterator[Problem]:
    """A binary label of words says which two there are."""
    column = model.data.columns.get(model.data.label.column)
    if model.task != "binary" or column is None or column.type != "string":
        return
    if column.one_of is None or len(column.one_of) != CLASSES:
        yield Problem(
            ("data", "columns", model.data.label.column, *(("one_of",) if column.one_of else ())),
            "a binary label of type string needs one_of with its two values",
        )


def _columns(path: KeyPath, columns: Mapping[str, ColumnPolicy]) -> Iterator[Problem]:
    for name, column in columns.items():
        here = (*path, name)
        for key in ("at_least", "at_most"):
            if getattr(column, key) is not None and column.type not in ("float", "int"):
                yield Problem((*here, key), f"bounds are for float and int columns; {name} is of type {column.type}")
        if column.one_of is not None and column.type != "string":
            yield Problem((*here, "one_of"), f"allowed values are for string columns; {name} is of type {column.type}")
        if column.one_of is not None and len(set(column.one_of)) < len(column.one_of):
            yield Problem((*here, "one_of"), "a value stands twice")
        if column.at_least is not None and column.at_most is not None and column.at_least > column.at_most:
            yield Problem(
                (*here, "at_least"), f"{column.at_least:g} is above at_most {column.at_most:g}: no value fits"
            )


def _future(model: ModelPolicy) -> Iterator[Problem]:
    """A column that is needed at prediction time is not in the future."""
    data = model.data
    for position, name in enumerate(data.future):
        role = {data.id: "the id", data.time: "the prediction time"}.get(name)
        if role:
            yield Problem(("data", "future", position), f"{name} is {role} of a row, known at prediction time")
        if name in data.future[:position]:
            yield Problem(("data", "future", position), f"{name} stands twice")


def not_known(model: ModelPolicy) -> Mapping[str, str]:
    """Return the columns that are not known at prediction time, and why."""
    label = model.data.label
    found = dict.fromkeys(model.data.future, "it is listed in data.future")
    found |= {name: "it tells when the label became known" for name in (label.known_at, label.true_at) if name}
    return {**found, label.column: "it is the label"}


def feature_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with features: undeclared inputs, leaks, names that meet."""
    leaks = not_known(model)
    inputs = model.features.inputs
    for position, name in enumerate(inputs):
        here: KeyPath = ("features", "inputs", position)
        if name in leaks:
            yield Problem(here, f"{name} would leak the future into the model: {leaks[name]}. Take it out")
        elif name == model.data.id:
            yield Problem(here, f"{name} is the id; a model that sees it learns rows by heart. Take it out")
        else:
            yield from column_rules(here, name, (), model.data.columns)
        if name in inputs[:position]:
            yield Problem(here, f"{name} stands twice")
    taken = dict.fromkeys(model.data.columns, "data.columns")
    for table, stored in model.features.stored.items():
        here = ("features", "stored", table)
        yield from _keys(here, stored, model, leaks)
        yield from _columns((*here, "columns"), stored.columns)
        yield from _taken(here, table, stored, taken)


def _keys(here: KeyPath, stored: StoredFeatures, model: ModelPolicy, leaks: Mapping[str, str]) -> Iterator[Problem]:
    as_list = not isinstance(stored.keys, dict)
    if not stored.keys:
        yield Problem((*here, "keys"), "names no column; every row would get the same observation")
    for position, name in enumerate(stored.keys):
        path = (*here, "keys", position if as_list else name)
        if name in leaks:
            yield Problem(path, f"joining on {name} would leak the future: {leaks[name]}")
        else:
            yield from column_rules(path, name, ("string", "int", "bool"), model.data.columns)
    if as_list and len(set(stored.keys)) < len(stored.keys):
        yield Problem((*here, "keys"), "a column stands twice")
    if stored.time in stored.pairs.values():
        yield Problem((*here, "time"), f"{stored.time} is a key already")


def _taken(here: KeyPath, table: str, stored: StoredFeatures, taken: dict[str, str]) -> Iterator[Problem]:
    """No two columns of a row have one name; `taken` grows by this table's."""
    for column in stored.columns:
        name = stored.prefix + column
        if name in taken:
            yield Problem(
                (*here, "columns", column),
                f"becomes {name}, which {taken[name]} has already; set or change prefix of {table}",
            )
        taken.setdefault(name, f"features.stored.{table}")


def file_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with file names: the user's code travels with a version, so it lies in the project."""
    code = {("features", "file"): model.features.file, ("training", "file"): model.training.file}
    for path, name in code.items():
        if name is None:
            continue
        if (
            PurePosixPath(name).is_absolute()
            or PureWindowsPath(name).is_absolute()
            or ".." in PurePosixPath(name).parts
        ):
            yield Problem(path, f"{name} lies outside the project folder, so it would not be recorded with a version")
        elif not name.endswith(".py"):
            yield Problem(path, f"{name} is no Python file (.py)")
    for place, source in _sources(model):
        if not source.lower().endswith((".csv", ".csv.gz", ".parquet")):
            yield Problem(place, f"{source} is neither CSV nor Parquet. Allowed endings: .csv, .csv.gz, .parquet")


def _sources(model: ModelPolicy) -> Iterator[tuple[KeyPath, str]]:
    yield ("data", "source"), model.data.source
    for table, stored in model.features.stored.items():
        yield ("features", "stored", table, "source"), stored.source


def split_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with the split: nothing would be left to train on."""
    split = model.split
    if split.train_from is None or split.until is None:
        return
    span = parse_moment(split.until) - parse_moment(split.train_from)
    if span <= timedelta(0):
        yield Problem(("split", "until"), f"{split.until} is not after train_from {split.train_from}")
    elif split.holdout >= span:
        yield Problem(
            ("split", "holdout"),
            f"{show_span(split.holdout)} holds out all of train_from to until, {show_span(span)}: nothing would train",
        )
