"""A small policy that holds together, to be broken in one place at a time."""

import pytest

TEXT = """\
project: flights
models:
  late:
    task: binary
    data:
      source: data/rows.csv
      id: id
      time: at
      label: {column: late, known_at: landed, true_at: arrived}
      columns:
        id: {type: string}
        at: {type: timestamp}
        landed: {type: timestamp, missing: true}
        arrived: {type: timestamp, missing: true}
        late: {type: bool, missing: true}
        origin: {type: string, one_of: [EWR, JFK, LGA]}
        distance: {type: float, at_least: 0, at_most: 6000}
        delay: {type: float, missing: true}
      future: [delay]
    features:
      file: features.py
      inputs: [origin, distance]
      stored:
        weather:
          source: data/weather.parquet
          keys: [origin]
          time: observed
          prefix: weather_
          max_age: 6h
          columns:
            wind: {type: float, missing: true}
    split:
      train_from: "2024-01-01T00:00:00Z"
      until: 2024-03-01T00:00:00Z
      holdout: 14d
    training: {params: {trees: 100, rate: 0.05, kind: gbdt, deep: false}}
    package: {tolerance: 1e-4}
    segments: [origin]
    traffic: {champion: 0.9, challenger: 0.1}
    scorecard:
      - {kind: metric, metric: roc_auc, role: primary, at_least: 0.65, champion: {rule: better}}
      - {kind: metric, metric: log_loss, at_most: 0.6, champion: {rule: no_worse, margin: 0.01}}
      - {kind: segment, by: origin, metric: roc_auc, may_drop: 0.02}
      - {kind: latency, at_most_ms: 20}
      - {kind: size, at_most_mb: 10}
      - {kind: memory, at_most_mb: 500}
      - {kind: parity}
approval: {need: 2, of: [ada, grace, joan]}
webhooks:
  chat: {url: "https://chat.example.com/hook", secret_env: CHAT_SECRET, events: ["pointer.*"]}
"""


@pytest.fixture(scope="session")
def text() -> str:
    """The policy's text."""
    return TEXT
