"""YAML becomes plain values that remember their lines; anything clever is refused."""

import pytest

from headgate.policy.document import MOST_VALUES, parse
from headgate.policy.problem import show_path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("1e-4", 1e-4),
        ("-0.5", -0.5),
        ("012", 12),
        ("1:30", "1:30"),
        ("2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ('"5"', "5"),
        ("~", None),
        ("0x1F", "0x1F"),
    ],
)
def test_scalars_are_read_by_the_core_schema(text: str, value: object) -> None:
    document = parse(f"key: {text}\n")
    assert document.problems == []
    assert document.value == {"key": value}


def test_every_key_and_item_knows_its_line() -> None:
    document = parse("a:\n  - x\n  - y: 1\n\nb: {c: 2}\n")
    assert {show_path(path): line for path, line in document.lines.items()} == {
        "": 1,
        "a": 1,
        "a[0]": 2,
        "a[1]": 3,
        "a[1].y": 3,
        "b": 5,
        "b.c": 5,
    }
    assert document.line_of(("a", 1, "missing", "deeper")) == 3


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands twice, first on line 1"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", 2, "tag"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "merge keys"),
        ("a: 1\n? [1, 2]\n: 3\n", 2, "a key is a word"),
        ("a: .inf\n", 1, "not a finite number"),
        ("a: 1e999\n", 1, "not a finite number"),
        ("a: " + "9" * 5000 + "\n", 1, "not a finite number"),
        ('a: "\\ud800"\n', 1, "half of a character"),
        ("a: &x [*x]\n", 1, "anchor that holds itself"),
        ("a: [1, 2\n", 1, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("a: *nobody\n", 1, "not YAML"),
        ("a: \x00\n", 1, "not YAML"),
        ("[" * 5000, 1, "not YAML"),
        ("[" * 50 + "]" * 50, 1, "nested deeper than"),
    ],
)
def test_what_is_refused_names_its_line(text: str, line: int, said: str) -> None:
    problems = parse(text).problems
    assert [problem.line for problem in problems] == [line]
    assert said in problems[0].what


def test_anchors_that_multiply_are_bounded() -> None:
    rows = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    problems = parse("\n".join(["a0: &a0 [x, x, x, x, x, x, x, x, x]", *rows])).problems
    assert f"more than {MOST_VALUES} values" in problems[-1].what


def test_an_anchor_used_twice_is_fine() -> None:
    assert parse("a: &x {b: 1}\nc: *x\n").value == {"a": {"b": 1}, "c": {"b": 1}}
