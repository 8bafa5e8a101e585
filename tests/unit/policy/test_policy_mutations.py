"""However a policy is mangled, it is read or its problems name lines of the file: never an exception."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.policy.document import parse
from headgate.policy.load import examine, refusal
from headgate.policy.model import ProjectPolicy
from headgate.policy.problem import KeyPath
from headgate.policy.scorecard import describe, digest

WORDS = st.sampled_from(
    [
        "id",
        "at",
        "late",
        "origin",
        "metric",
        "rmse",
        "roc_auc",
        "14d",
        "0s",
        "kind",
        "size",
        "2024-01-01T00:00:00Z",
        "*",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | WORDS
    | st.text(max_size=8)
    | st.builds(lambda: {"kind": "metric", "metric": "roc_auc"})
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def holds(text: str) -> None:
    """Read the text; hold what comes out to the promise."""
    policy, problems = examine(text)
    assert (policy is None) == bool(problems)
    count = len(text.splitlines())
    for problem in problems:
        assert 1 <= problem.line <= max(count, 1), (problem, count)
        assert problem.what
    if policy is None:
        assert str(refusal(Path("headgate.yaml"), problems))
    else:
        use(policy)


def use(policy: ProjectPolicy) -> None:
    """What is accepted can be signed and described, and reads back the same."""
    for model in policy.models.values():
        assert digest(model).startswith("sha256:")
        assert all(describe(line) for line in model.scorecard)
    assert ProjectPolicy.model_validate(policy.model_dump(mode="json")) == policy


def paths(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    """Return every key path below the top."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in [(*path, key), *paths(item, (*path, key))]]


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_change_of_one_to_three_keys_is_read_or_explained(text: str, data: st.DataObject) -> None:
    value = copy.deepcopy(parse(text).value)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(value)))
        outer = value
        for step in path[:-1]:
            outer = outer[step]
        match data.draw(st.sampled_from(["replace", "remove", "rename", "copy"])):
            case "remove":
                del outer[path[-1]]
            case "rename" if isinstance(outer, dict):
                outer[data.draw(WORDS | st.text(min_size=1, max_size=6))] = outer.pop(path[-1])
            case "copy" if isinstance(outer, list):
                outer.append(copy.deepcopy(outer[0]))
            case _:
                outer[path[-1]] = data.draw(VALUES)
        if not paths(value):
            break
    holds(yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_change_of_the_text_is_read_or_explained(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = min(len(text), start + data.draw(st.integers(0, 40)))
    inserted = data.draw(
        st.text(max_size=6) | st.sampled_from(["\n", "  ", "- ", ": ", "{", "]", "&a ", "*a", "!!x ", "<<: "])
    )
    holds(text[:start] + inserted + text[end:])


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:- \n\t{}[]&*!|>#'\"%@`,?~<1.\x00\ufeff")), max_size=60))
def test_any_text_is_read_or_explained(text: str) -> None:
    holds(text)


@settings(max_examples=30, deadline=None)
@given(VALUES)
def test_any_value_is_read_or_explained(value: object) -> None:
    holds(yaml.safe_dump(value, allow_unicode=True))
