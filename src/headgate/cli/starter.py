"""The files of a starter project, for one task; it writes nothing.

The rows are scikit-learn's bundled data sets. They carry no time, so one row an hour is made up after a fixed shuffle:
the policy and `headgate init` say so.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from string import Template
from typing import Any

from headgate.policy.metrics import METRIC_NAMES

START = datetime(2025, 1, 1, tzinfo=UTC)
SHUFFLE = 20250101
TEMPLATES = ("headgate.yaml", "features.py", "train.py")
PRIMARY = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "rmse"}


@dataclass(frozen=True, slots=True)
class Source:
    """How a bundled data set becomes rows.

    Attributes:
        loader: The function of sklearn.datasets.
        options: Its arguments.
        id, time, label: The columns that are added.
        columns: Column of the CSV -> column of the data set.
        values: Column of the CSV -> what its values are called.
    """

    loader: str
    options: Mapping[str, bool]
    id: str
    time: str
    label: str
    columns: Mapping[str, str]
    values: Mapping[str, Mapping[float, object]]


SOURCES = {
    "binary": Source(
        "load_breast_cancer",
        {},
        "sample",
        "taken_at",
        "malignant",
        {
            name: f"mean {name}"
            for name in (
                "radius",
                "texture",
                "perimeter",
                "area",
                "smoothness",
                "compactness",
                "concavity",
                "symmetry",
            )
        },
        {"malignant": {0.0: 1, 1.0: 0}},
    ),
    "multiclass": Source(
        "load_wine",
        {},
        "bottle",
        "tasted_at",
        "cultivar",
        {
            "alcohol": "alcohol",
            "malic_acid": "malic_acid",
            "ash": "ash",
            "magnesium": "magnesium",
            "phenols": "total_phenols",
            "flavanoids": "flavanoids",
            "colour": "color_intensity",
            "hue": "hue",
            "proline": "proline",
        },
        {"cultivar": {0.0: "first", 1.0: "second", 2.0: "third"}},
    ),
    "regression": Source(
        "load_diabetes",
        {"scaled": False},
        "patient",
        "seen_at",
        "progression",
        {
            "age": "age",
            "sex": "sex",
            "bmi": "bmi",
            "pressure": "bp",
            "cholesterol": "s1",
            "ldl": "s2",
            "hdl": "s3",
            "log_triglycerides": "s5",
            "glucose": "s6",
        },
        {"sex": {1.0: "a", 2.0: "b"}},
    ),
}


def starter(task: str, name: str) -> dict[str, str]:
    """Return relative path -> text of every file of a starter project."""
    import json

    from headgate.policy.schema import json_schema

    found = {f"{file}": _fill(task, file, name) for file in TEMPLATES}
    ignored = files("headgate.policy").joinpath("templates/gitignore.tmpl").read_text("utf-8")
    return {
        **found,
        ".gitignore": ignored,
        "headgate.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        "data/rows.csv": rows(SOURCES[task]),
    }


def _fill(task: str, file: str, name: str) -> str:
    text = files("headgate.policy").joinpath(f"templates/{task}/{file}.tmpl").read_text("utf-8")
    if file != "headgate.yaml":
        return text
    others = [metric for metric in METRIC_NAMES[task] if metric != PRIMARY[task]]
    return Template(text).safe_substitute(name=name, metrics=", ".join(others))


def rows(source: Source) -> str:
    """Return the CSV: id, time, the columns, the label; shuffled the same way every time, one row an hour."""
    import numpy as np
    from sklearn import datasets

    found = getattr(datasets, source.loader)(**source.options)
    places = [list(found.feature_names).index(theirs) for theirs in source.columns.values()]
    order = np.random.default_rng(SHUFFLE).permutation(len(found.target)).tolist()
    header = [source.id, source.time, *source.columns, source.label]
    lines = (
        [
            f"{source.id}-{number + 1:04d}",
            (START + number * timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            *_named(source, source.columns, found.data[row, places].tolist()),
            *_named(source, [source.label], [float(found.target[row])]),
        ]
        for number, row in enumerate(order)
    )
    return _csv([header, *lines])


def _named(source: Source, columns: Iterable[str], values: Sequence[float]) -> list[object]:
    named = zip(columns, values, strict=True)
    return [source.values[column][value] if column in source.values else value for column, value in named]


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
