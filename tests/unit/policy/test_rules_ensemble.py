"""What an ensemble may not say, each with its line and key, and what it may."""

from textwrap import indent

import pytest

from headgate.policy.ensemble import EnsemblePolicy
from headgate.policy.load import examine
from headgate.policy.rules_ensemble import counted, reads

MODEL = """\
task: {task}
data:
  source: rows.csv
  id: id
  time: at
  label: {{ column: y }}
  columns:
    id: {{ type: string }}
    at: {{ type: timestamp }}
    a: {{ type: float }}
    b: {{ type: string }}
    a.b: {{ type: float }}
    y: {{ type: {label} }}
features: {{ {features} }}
split: {{ holdout: 1d }}
scorecard: [{{ kind: size, at_most_mb: 9 }}]
"""
PLAIN = "file: null, inputs: [a, b]"
CIRCLE = """\
ensemble:
  members:
    x: { model: one, inputs: { a: y.probability } }
    y: { model: two, inputs: { a: x.probability } }
"""
ONE = "ensemble: { members: { x: { model: one } } }"


def model(name: str, extra: str = "", task: str = "binary", features: str = PLAIN) -> str:
    label = {"binary": "int", "multiclass": "int", "regression": "float"}[task]
    return f"  {name}:\n" + indent(MODEL.format(task=task, label=label, features=features) + extra, "    ")


def problems(ensemble: str, *others: str, features: str = PLAIN) -> list[str]:
    """Return `key: what` of an ensemble `all` beside the models one, two (binary) and number (regression)."""
    whole = [model("one"), model("two"), model("number", task="regression"), *others]
    text = "project: p\nmodels:\n" + "\n".join([*whole, model("all", ensemble, features=features)])
    policy, found = examine(text)
    assert (policy is None) == bool(found)
    assert all(problem.line for problem in found)
    return [problem.show("f").split(": ", 1)[1] for problem in found]


@pytest.mark.parametrize(
    ("ensemble", "says"),
    [
        (ONE, ""),
        ("ensemble: { members: { x: { model: one, version: 3, inputs: { a: a } } } }", ""),
        ("ensemble: { members: { x: { model: one }, y: { model: two, inputs: { a: x.probability } } } }", ""),
        ("ensemble: { members: { x: { model: one } }, combine: mine.py }", ""),
        ("ensemble: { members: { x: { model: one } }, combine: weighted, weights: { x: 2 } }", ""),
        ("ensemble: { members: {} }", "models.all.ensemble.members: may not be empty"),
        ("ensemble: { members: { x: { model: on } } }", "no model 'on'. Did you mean one?"),
        ("ensemble: { members: { x: { model: all } } }", "all cannot ask itself"),
        ("ensemble: { members: { x: { model: one, version: best } } }", "members.x.version: must be"),
        ("ensemble: { members: { x: { model: one, version: 0 } } }", "members.x.version: must be"),
        ("ensemble: { members: { x: { model: one, wersion: 1 } } }", "unknown key. Did you mean version?"),
        ("ensemble: { members: { x: { model: one, inputs: { a: c } } } }", "'c' is no input of the ensemble"),
        ("ensemble: { members: { x: { model: one, inputs: { a: z.probability } } } }", "is no input of the ensemble"),
        (
            "ensemble: { members: { x: { model: one }, y: { model: two, inputs: { a: x.probabilty } } } }",
            "x gives no 'probabilty'. Did you mean probability? It gives: x.probability",
        ),
        (
            CIRCLE,
            "the members read each other in a circle: x -> y -> x",
        ),
        (
            "ensemble: { members: { x: { model: one } }, combine: meen }",
            "'meen' is no way to combine. Did you mean mean?",
        ),
        ("ensemble: { members: { x: { model: one } }, combine: ../c.py }", "lies outside the project folder"),
        ("ensemble: { members: { x: { model: one } }, combine: weighted }", "`weighted` needs the key `weights`"),
        ("ensemble: { members: { x: { model: one } }, weights: { x: 1 } }", "weights are for `combine: weighted`"),
        (
            "ensemble: { members: { x: { model: one } }, combine: weighted, weights: { x: 0 } }",
            "must be greater than 0",
        ),
        ("ensemble: { members: { x: { model: one } }, combine: weighted, weights: { z: 1, x: 1 } }", "no member z"),
        (
            "ensemble: { members: { x: { model: one }, y: { model: two } }, combine: weighted, weights: { x: 1 } }",
            "nobody reads y",
        ),
        ("ensemble: { members: { x: { model: number } } }", "x answers regression, and the ensemble binary"),
        (ONE + "\ntraining: { seed: 1 }", "models.all.training: an ensemble fits nothing"),
        (ONE + "\npackage: { runtime: onnx }", "models.all.package: an ensemble holds its members"),
    ],
)
def test_every_misuse_is_named(ensemble: str, says: str) -> None:
    found = problems(ensemble)
    if not says:
        assert found == []
    else:
        assert any(says in problem for problem in found), found
        assert len(found) == 1, found


def test_what_prepares_is_said_and_makes_columns_of_its_own() -> None:
    made = "ensemble: { members: { x: { model: one, inputs: { a: made } } } }"
    assert problems(made, features="file: prepare.py, inputs: [a, b]") == []
    (unsaid,) = problems(ONE, features="inputs: [a, b]")
    assert "features.file: an ensemble says what prepares its columns" in unsaid


def test_a_column_that_reads_as_an_output_is_refused() -> None:
    (found,) = problems("ensemble: { members: { a: { model: one } } }", features="file: null, inputs: [a, b, a.b]")
    assert "column a.b reads as an output of a" in found


def test_ensembles_that_ask_each_other_are_named() -> None:
    (found,) = problems("ensemble: { members: { x: { model: more } } }", model("more", ONE.replace("one", "all")))
    assert "the ensembles ask each other in a circle: all -> more -> all" in found


def test_a_member_that_is_only_wrong_is_not_said_to_be_missing() -> None:
    bad = model("bad").replace("at: { type: timestamp", "at: { type: timestmp")
    (found,) = problems("ensemble: { members: { x: { model: bad } } }", bad)
    assert "timestmp" in found


def test_the_mean_is_of_the_members_that_nobody_reads() -> None:
    members = {name: {"model": "one"} for name in "cab"} | {"d": {"model": "one", "inputs": {"a": "c.probability"}}}
    ensemble = EnsemblePolicy.model_validate({"members": members})
    assert counted(ensemble) == ("a", "b", "d")
    assert reads(ensemble)["d"] == ("c",)
