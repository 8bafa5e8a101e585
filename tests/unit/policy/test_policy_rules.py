"""Keys that are right by themselves and wrong together are refused, with the nearest right spelling."""

import pytest

from headgate.policy.load import examine
from headgate.policy.metrics import HIGHER_IS_BETTER, METRIC_NAMES, METRIC_RANGE, higher_is_better

RULES = [
    # columns
    ("      id: id\n", "      id: idd\n", "data.id: 'idd' is not declared in data.columns. Did you mean id?"),
    ("time: at\n", "time: origin\n", "data.time: column origin is of type string. Allowed here: timestamp"),
    ("time: at\n", "time: id\n", "data.time: id is the id already"),
    ("{column: late,", "{column: at,", "data.label.column: at is the time already"),
    ("{column: late,", "{column: distance,", "data.label.column: column distance is of type float. Allowed here: bool"),
    (
        "known_at: landed",
        "known_at: landd",
        "data.label.known_at: 'landd' is not declared in data.columns. Did you mean",
    ),
    ("known_at: landed, ", "", "data.label.true_at: checks known_at, which is not set"),
    ("id: {type: string}", "id: {type: string, missing: true}", "columns.id.missing: the id of a row is never missing"),
    ("at_most: 6000", "at_most: -1", "columns.distance.at_least: 0 is above at_most -1: no value fits"),
    ("id: {type: string}", "id: {type: string, at_least: 1}", "columns.id.at_least: bounds are for float and int"),
    ("at_least: 0,", "one_of: [a],", "columns.distance.one_of: allowed values are for string columns"),
    ("[EWR, JFK, LGA]", "[EWR, EWR]", "columns.origin.one_of: a value stands twice"),
    ("late: {type: bool, missing: true}", "late: {type: string}", "a binary label of type string needs one_of"),
    ("future: [delay]", "future: [at]", "data.future[0]: at is the prediction time of a row, known"),
    ("future: [delay]", "future: [delay, delay]", "data.future[1]: delay stands twice"),
    # features
    (
        "inputs: [origin, distance]",
        "inputs: [orign]",
        "inputs[0]: 'orign' is not declared in data.columns. Did you mean o",
    ),
    (
        "inputs: [origin, distance]",
        "inputs: [late]",
        "inputs[0]: late would leak the future into the model: it is the l",
    ),
    (
        "inputs: [origin, distance]",
        "inputs: [delay]",
        "inputs[0]: delay would leak the future into the model: it is li",
    ),
    ("inputs: [origin, distance]", "inputs: [landed]", "inputs[0]: landed would leak the future into the model: it te"),
    ("inputs: [origin, distance]", "inputs: [arrived]", "inputs[0]: arrived would leak the future"),
    (
        "inputs: [origin, distance]",
        "inputs: [id]",
        "inputs[0]: id is the id; a model that sees it learns rows by heart",
    ),
    ("inputs: [origin, distance]", "inputs: [origin, origin]", "inputs[1]: origin stands twice"),
    (
        "keys: [origin]",
        "keys: [orign]",
        "weather.keys[0]: 'orign' is not declared in data.columns. Did you mean origin?",
    ),
    ("keys: [origin]", "keys: {orign: station}", "weather.keys.orign: 'orign' is not declared"),
    ("keys: [origin]", "keys: [delay]", "weather.keys[0]: joining on delay would leak the future"),
    ("keys: [origin]", "keys: [distance]", "weather.keys[0]: column distance is of type float. Allowed here: string"),
    ("keys: [origin]", "keys: []", "weather.keys: names no column"),
    ("keys: [origin]", "keys: [origin, origin]", "weather.keys: a column stands twice"),
    ("keys: [origin]", "keys: {origin: observed}", "weather.time: observed is a key already"),
    ("wind: {type: float", "wind: {at_least: 3, at_most: 1, type: float", "weather.columns.wind.at_least: 3 is above"),
    # files
    ("file: features.py", "file: ../features.py", "features.file: ../features.py lies outside the project folder"),
    ("file: features.py", "file: /etc/features.py", "features.file: /etc/features.py lies outside"),
    ("file: features.py", "file: features.txt", "features.file: features.txt is no Python file"),
    ("data/rows.csv", "data/rows.xlsx", "data.source: data/rows.xlsx is neither CSV nor Parquet"),
    ("weather.parquet", "weather", "weather.source: data/weather is neither CSV nor Parquet"),
    # split
    (
        "holdout: 14d",
        "holdout: 90d",
        "split.holdout: 90d holds out all of train_from to until, 60d: nothing would train",
    ),
    ("until: 2024-03", "until: 2023-03", "split.until: 2023-03-01T00:00:00Z is not after train_from"),
    # scorecard
    ("metric: roc_auc, role", "metric: rocauc, role", "[0].metric: 'rocauc' is a metric that nobody computes. Did you"),
    ("metric: roc_auc, role", "metric: rmse, role", "[0].metric: 'rmse' is computed for regression, not for binary"),
    ("metric: log_loss", "metric: log_loss, role: primary", "[1].role: line 1 is primary already"),
    (
        ", at_least: 0.65, champion: {rule: better}",
        "",
        "scorecard[0]: this line asks for nothing; give it at_least, at_m",
    ),
    (", may_drop: 0.02", "", "scorecard[2]: this line asks for nothing; give it at_least, at_most or may_drop"),
    ("at_least: 0.65", "at_least: 0.65, at_most: 0.5", "scorecard[0].at_least: 0.65 is above at_most 0.5"),
    ("at_least: 0.65", "at_least: 65", "scorecard[0].at_least: roc_auc is never above 1: no version passes"),
    ("at_most: 0.6", "at_most: -0.6", "scorecard[1].at_most: log_loss is never below 0: no version passes"),
    (
        "rule: better",
        "rule: better, margin: 0.1",
        "scorecard[0].champion.margin: a margin belongs to the rule no_worse",
    ),
    ("by: origin", "by: orign", "scorecard[2].by: 'orign' is not declared in data.columns. Did you mean origin?"),
    (
        "by: origin",
        "by: distance",
        "scorecard[2].by: column distance is of type float. Allowed here: string, bool, int",
    ),
    ("by: origin", "by: id", "scorecard[2].by: id is the id: every segment would hold one row"),
    ("at_most_ms: 20", "at_most_ms: 20, quantile: 0.999", "scorecard[3].quantile: P99.9 of 600 requests is their maxi"),
    ("- {kind: parity}", "- {kind: size, at_most_mb: 10}", "scorecard[6]: this line stands twice"),
    ("segments: [origin]", "segments: [orign]", "segments[0]: 'orign' is not declared in data.columns. Did you mean"),
    ("segments: [origin]", "segments: [origin, origin]", "segments[1]: origin stands twice"),
    ("challenger: 0.1", "challenger: 0.2", "late.traffic: the shares sum to 1.1, not to 1"),
    (
        "    traffic: {ch",
        "    serving: {unit: id}\n    traffic: {ch",
        "serving.unit: id is not an input; expected one of: ori",
    ),
    (
        "    traffic: {ch",
        "    serving: {unit: distance}\n    traffic: {ch",
        "serving.unit: distance is of type float, which names nobody. Allowed here: string, int",
    ),
    (
        "    traffic: {ch",
        "    serving: {log: {to: 's3://key:secret@bucket/log'}}\n    traffic: {ch",
        "serving.log.to: holds a name or password",
    ),
    (
        "    traffic: {ch",
        "    serving: {log: {to: 's3://key:sec/ret@bucket/log'}}\n    traffic: {ch",
        "serving.log.to: holds a name or password",
    ),
    (
        "    traffic: {ch",
        "    serving: {log: {redact: {orign: hash}}}\n    traffic: {ch",
        "serving.log.redact.orign: there is no such column. Did you mean origin?",
    ),
    (
        "    traffic: {ch",
        "    serving: {final_after: 5s}\n    traffic: {ch",
        "serving.final_after: 5s is shorter than serving.shadow.patience, 10s: a shadow that hangs would never",
    ),
    (
        "    traffic: {ch",
        "    serving: {final_after: 1h}\n    traffic: {ch",
        "final_after: 1h is not between 1s and 10m",
    ),
    ("champion: 0.9, challenger: 0.1", "champion: 1.5, challenger: -0.5", "traffic.challenger: a share is from 0 to 1"),
    # the project
    ("need: 2", "need: 4", "approval.need: 4 people must approve, but `of` names only 3"),
    ("[ada, grace, joan]", "[ada, ada, joan]", "approval.of[1]: ada stands twice"),
    ("[ada, grace, joan]", "[ada, 'process:tick', joan]", "approval.of[1]: process:tick is a process; only people"),
    ("https://chat", "htps://chat", "webhooks.chat.url: starts with htps:. Did you mean https? Allowed: https, http"),
    ("https://chat.example.com", "https:///", "webhooks.chat.url: names no host"),
    ("https://chat", "https://ada:pw@chat", "webhooks.chat.url: holds a name or password"),
    ("https://chat.example.com", "https://[::1", "webhooks.chat.url: this is not a URL"),
    ('url: "https://chat.example.com/hook", ', "", "webhooks.chat.url: give url, or url_env"),
    ("secret_env: CHAT", "url_env: CHAT_URL, secret_env: CHAT", "webhooks.chat.url: give url, or url_env"),
    ("https://chat.example.com/hook", "https://chat.example.com/ho ok", "webhooks.chat.url: holds a space"),
]


@pytest.mark.parametrize(("old", "new", "what"), RULES)
def test_what_does_not_hold_together_is_named(text: str, old: str, new: str, what: str) -> None:
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    shown = [problem.show("headgate.yaml") for problem in examine(text.replace(old, new, 1))[1]]
    assert any(what in one for one in shown), shown
    assert len(shown) <= 3, shown
    if len(shown) == 1:
        shown_line = int(shown[0].split(":")[1])
        assert abs(shown_line - line) <= 10, (line, shown)


def test_two_tables_that_bring_the_same_column_collide(text: str) -> None:
    table = text[text.index("        weather:\n") : text.index("    split:")]
    doubled = text.replace("    split:", table.replace("weather:", "wind:", 1) + "    split:", 1)
    shown = [problem.what for problem in examine(doubled)[1]]
    assert shown == ["becomes weather_wind, which features.stored.weather has already; set or change prefix of wind"]
    into_the_row = text.replace("wind: {type", "distance: {type").replace("prefix: weather_", "prefix: ''")
    assert "which data.columns has already" in examine(into_the_row)[1][0].what


def test_a_metric_has_a_task_a_direction_and_a_range() -> None:
    assert set(METRIC_NAMES) == {"binary", "multiclass", "regression"}
    for task, names in METRIC_NAMES.items():
        assert tuple(HIGHER_IS_BETTER[task]) == names
        assert set(names) <= set(METRIC_RANGE)
    assert higher_is_better("regression", "r2")
    assert not higher_is_better("binary", "log_loss")
