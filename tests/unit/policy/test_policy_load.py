"""One reading names every problem: line, key, what is allowed, and the nearest right spelling."""

from pathlib import Path

import pytest

from headgate.base.errors import BadPolicy
from headgate.policy.document import MOST_BYTES
from headgate.policy.load import examine, find, load
from headgate.policy.problem import show_path


def said(text: str, old: str, new: str) -> list[str]:
    """Return what is said about the text with one passage replaced."""
    assert text.count(old) >= 1, old
    return [problem.show("headgate.yaml") for problem in examine(text.replace(old, new, 1))[1]]


def test_a_sound_policy_loads(text: str, tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(text)
    policy = load(tmp_path / "headgate.yaml", {})
    assert policy == load(tmp_path, {})
    assert policy.models["late"].training.params == {"trees": 100, "rate": 0.05, "kind": "gbdt", "deep": False}
    assert policy.models["late"].features.stored["weather"].pairs == {"origin": "origin"}


SHAPES = [
    ("role: primary", "rolle: primary", "scorecard[0].rolle: unknown key. Did you mean role?"),
    ("project:", "projet:", "projet: unknown key. Did you mean project?"),
    ("task: binary", "task: binry", "task: 'binry' is not allowed. Did you mean binary? Allowed: binary, multi"),
    ("kind: size", "kind: sise", "scorecard[4]: 'sise' is no kind of line. Did you mean size?"),
    ("{kind: parity}", "{share: 0.9}", "scorecard[6]: the line's kind is missing. Allowed: latency, memory"),
    ("{kind: parity}", "parity", "scorecard[6]: must be a mapping, not 'parity'"),
    ("at_most_ms: 20", "at_most_ms: fast", "scorecard[3].at_most_ms: must be a number, not 'fast'"),
    ("at_most_ms: 20", "at_most_ms: 0", "scorecard[3].at_most_ms: must be greater than 0"),
    ("at_most_ms: 20", "at_most_ms: 20, quantile: 99", "scorecard[3].quantile: must be less than 1"),
    ("at_most_ms: 20", 'at_most_ms: "20"', "scorecard[3].at_most_ms: must be a number, not '20'"),
    ("missing: true", "missing: yes", "columns.landed.missing: must be true or false, not 'yes'"),
    ("need: 2", "need: 2.5", "approval.need: must be a whole number, not 2.5"),
    ("holdout: 14d", "holdout: 14 days", 'split.holdout: write a span such as "90s"'),
    ("holdout: 14d", "holdout: 0d", "split.holdout: a span is a whole number of milliseconds"),
    ("holdout: 14d", "holdout: 14", "split.holdout: write a span such as"),
    ("until: 2024-03-01T00:00:00Z", "until: 2024-03-01", "split.until: has no zone; write 2024-03-01T00:00:00Z"),
    ("until: 2024-03-01T00:00:00Z", "until: March", "split.until: write a time in ISO 8601"),
    ("  late:\n", "  Late Flights:\n", "'Late Flights' is not a name: lower-case letters"),
    ("project: flights", "project: Flights!", "project: 'Flights!' is not a name"),
    ("segments: [origin]", "segments: origin", "segments: must be a list, not 'origin'"),
    ("keys: [origin]", "keys: 5", "keys: must be a mapping or a list, not 5"),
    ("inputs: [origin, distance]", "inputs: []", "features.inputs: may not be empty"),
    ("trees: 100", "trees: [100]", "training.params.trees: must be true or false or a whole number or a number or"),
    ("approval: {need: 2, of: [ada, grace, joan]}", "approval:", "approval: is empty; it must be a mapping"),
    ("secret_env: CHAT_SECRET", "secret_env: s3cr3t-value!", "a secret itself stays out of the file"),
    ('url: "https://chat.example.com/hook"', 'url_env: "https://chat"', "a secret itself stays out of the file"),
]


@pytest.mark.parametrize(("old", "new", "what"), SHAPES)
def test_each_problem_names_line_key_and_what_is_allowed(text: str, old: str, new: str, what: str) -> None:
    line = text[: text.index(old)].count("\n") + 1
    shown = said(text, old, new)
    assert any(f"headgate.yaml:{line}: " in one and what in one for one in shown), shown


def test_what_is_missing_or_stands_twice_names_a_line_too(text: str) -> None:
    assert said(text, "      id: id\n", "") == [
        "headgate.yaml:5: models.late.data.id: this key is missing. Column that names a row; unique."
    ]
    assert said(text, "      id: id\n", "      id: id\n      id: at\n") == [
        "headgate.yaml:8: models.late.data.id: this key stands twice, first on line 7; keep one of them"
    ]


def test_a_secret_in_the_wrong_place_is_not_shown(text: str) -> None:
    shown = "".join(said(text, "CHAT_SECRET", "s3cr3t-value!"))
    assert "s3cr3t" not in shown
    assert "hunter2" not in "".join(said(text, "https://chat", "ftp://ada:hunter2@chat"))
    database = "settings: {database: 'postgresq://ada:hunter2@db/x'}\n"
    shown = "".join(problem.what for problem in examine(text + database)[1])
    assert "Did you mean postgresql?" in shown
    assert "hunter2" not in shown


def test_every_problem_is_reported_at_once_from_the_top_down(text: str) -> None:
    broken = (
        text.replace("role: primary", "rolle: primary")
        .replace("inputs: [origin, distance]", "inputs: [orign, distance]")
        .replace("holdout: 14d", "holdout: soon")
        .replace("metric: log_loss", "metric: logloss")
        .replace("need: 2", "need: 4")
    )
    problems = examine(broken)[1]
    keys = ["features.inputs[0]", "split.holdout", "scorecard[0].rolle", "scorecard[1].metric"]
    assert [show_path(problem.path) for problem in problems] == [f"models.late.{key}" for key in keys] + [
        "approval.need"
    ]
    assert [problem.line for problem in problems] == sorted(problem.line for problem in problems)
    assert "Did you mean log_loss?" in problems[3].what


def test_a_model_that_is_broken_does_not_hide_what_is_wrong_with_another(text: str) -> None:
    other = text[text.index("  late:\n") : text.index("approval:")].replace("  late:", "  early:", 1)
    both = text.replace("approval:", other.replace("metric: roc_auc", "metric: rocauc") + "approval:")
    problems = examine(both.replace("      time: at\n", "", 1))[1]
    assert [problem.path[:2] for problem in problems] == [("models", "late")] + [("models", "early")] * 2


def test_load_raises_one_error_with_every_line_and_the_way_out(text: str, tmp_path: Path) -> None:
    path = tmp_path / "headgate.yaml"
    path.write_text(text.replace("need: 2", "need: 9").replace("roc_auc, role", "rocauc, role"))
    with pytest.raises(BadPolicy) as caught:
        load(path, {})
    assert "2 problems" in caught.value.what
    assert f"{path}:41: models.late.scorecard[0].metric: 'rocauc' is a metric that nobody computes." in str(
        caught.value
    )
    assert f"{path}:48: approval.need: 9 people must approve" in str(caught.value)
    assert "headgate check" in caught.value.way_out


def test_variables_override_settings_and_are_named_when_wrong(text: str, tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(text)
    policy = load(tmp_path, {"HEADGATE_DATABASE": "postgresql://db/x", "HEADGATE_STATE": "/var/lib/headgate"})
    assert policy.settings.database == "postgresql://db/x"
    assert policy.settings.state == "/var/lib/headgate"
    assert policy.settings.tracking == ""
    with pytest.raises(BadPolicy, match=r"from the environment variable HEADGATE_DATABASE"):
        load(tmp_path, {"HEADGATE_DATABASE": "oracle://db"})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"just words\n", "must be a mapping, not 'just words'"),
        (b"- a\n- b\n", "must be a mapping"),
        (b"project: caf\xe9\n", "not UTF-8"),
        (b"a" * (MOST_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(data: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_bytes(data)
    with pytest.raises(BadPolicy) as caught:
        load(tmp_path, {})
    assert what in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_first_key(text: str, tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(text, encoding="utf-8-sig")
    assert load(tmp_path, {}).project == "flights"


def test_a_missing_file_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match="No such file") as caught:
        load(tmp_path / "headgate.yaml", {})
    assert "headgate init" in caught.value.way_out


def test_find_looks_in_the_folders_above(tmp_path: Path, text: str) -> None:
    (tmp_path / "headgate.yaml").write_text(text)
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find(deep) == (tmp_path / "headgate.yaml").resolve()


def test_find_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(BadPolicy, match=r"no headgate\.yaml"):
        find(tmp_path)
