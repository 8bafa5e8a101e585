"""A small project that trains in seconds, for tests that break it on purpose."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

POLICY = """\
project: small
models:
  churn:
    task: binary
    data:
      source: data/rows.csv
      id: id
      time: seen_at
      label: { column: left }
      columns:
        id: { type: string }
        seen_at: { type: timestamp }
        age: { type: float, missing: true }
        plan: { type: string }
        left: { type: int }
    features: { inputs: [age, plan] }
    split: { holdout: 200h }
    training: { params: { strength: 1.0 }, time_limit: 10m }
    scorecard:
      - { kind: metric, metric: roc_auc, role: primary, at_least: 0.6, champion: { rule: no_worse, margin: 0.05 } }
      - { kind: segment, by: plan, metric: roc_auc, at_least: 0.5, may_drop: 0.1, least_rows: 20 }
      - { kind: parity, share: 0.999 }
"""
FEATURES = '''\
"""Age, where it is known, and the plan."""

import numpy as np


def features(columns):
    age = columns["age"]
    return {"age": np.where(np.isnan(age), 40.0, age), "known": ~np.isnan(age), "plan": columns["plan"]}
'''
TRAIN = '''\
"""A logistic regression."""

from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def train(frame, labels, params):
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), ["age", "known"]), ("plan", OneHotEncoder(handle_unknown="ignore"), ["plan"])]
    )
    return Pipeline([("columns", columns), ("model", LogisticRegression(C=params["strength"]))]).fit(frame, labels)
'''


def rows(count: int = 1000) -> pd.DataFrame:
    """Return customers, one an hour; the young and those on the small plan leave."""
    random = np.random.default_rng(5)
    age = random.uniform(18, 80, count).round(1)
    plan = random.choice(["small", "large"], count)
    chance = 1 / (1 + np.exp((age - 45) / 8 + np.where(plan == "small", -1, 1)))
    hours = pd.date_range("2026-01-01T00:00:00Z", periods=count, freq="h")
    return pd.DataFrame(
        {
            "id": [f"c{number}" for number in range(count)],
            "seen_at": hours.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "age": np.where(random.random(count) < 0.05, np.nan, age),
            "plan": plan,
            "left": (random.random(count) < chance).astype(int),
        }
    )


@pytest.fixture(scope="session")
def fresh_tracking_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty MLflow database: making one takes MLflow seconds, copying it none."""
    from headgate.adapters.mlflow.registry import MlflowRegistry

    path = tmp_path_factory.mktemp("tracking") / "mlflow.db"
    MlflowRegistry(f"sqlite:///{path}", str(path.parent), "fresh").ping()
    return path


@pytest.fixture(scope="session")
def write_small_project(fresh_tracking_store: Path) -> Callable[[Path], Path]:
    """Return what writes a small binary project to a folder; nothing was run in it yet."""

    def write(folder: Path) -> Path:
        (folder / ".headgate").mkdir(parents=True)
        shutil.copyfile(fresh_tracking_store, folder / ".headgate" / "mlflow.db")
        (folder / "data").mkdir(parents=True)
        (folder / "headgate.yaml").write_text(POLICY)
        (folder / "features.py").write_text(FEATURES)
        (folder / "train.py").write_text(TRAIN)
        rows().to_csv(folder / "data" / "rows.csv", index=False)
        return folder

    return write


@pytest.fixture
def small_project(tmp_path: Path, write_small_project: Callable[[Path], Path]) -> Path:
    """Return the folder of a small binary project; nothing was run in it yet."""
    return write_small_project(tmp_path / "small")
