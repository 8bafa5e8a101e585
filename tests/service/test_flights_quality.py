"""What an honest join is worth, by hand: pandas' merge_asof and the example's own files, without Headgate.

An AUC far above these figures means that something leaks; far below, that something broke.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"
TABLES = {"weather": "origin", "carrier_delays": "carrier", "origin_delays": "origin", "dest_delays": "dest"}
PARAMS = {"n_estimators": 150, "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 100}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"flights_quality_{name}", FLIGHTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def join_by_hand(data: Path, until: pd.Timestamp) -> pd.DataFrame:
    rows = pd.read_parquet(data / "flights.parquet").query("predicted_at < @until").rename(columns={"known_at": "told"})
    for name, key in (TABLES | {"planes": "tailnum"}).items():
        table = pd.read_parquet(data / f"{name}.parquet").sort_values("known_at")
        prefix = f"{key}_" if name.endswith("_delays") else ""
        table = table.rename(columns={c: prefix + c for c in table.columns if c not in (key, "known_at")})
        age = None if name == "planes" else pd.Timedelta(hours=6 if name == "weather" else 24)
        rows = pd.merge_asof(rows, table, left_on="predicted_at", right_on="known_at", by=key, tolerance=age)
        rows = rows.drop(columns="known_at")
    return rows


def score(rows: pd.DataFrame, inputs: pd.DataFrame, model: object, span: tuple[str, str]) -> tuple[float, float]:
    first, last = (pd.Timestamp(day, tz="America/New_York") for day in span)
    chosen = (rows["predicted_at"] >= first) & (rows["predicted_at"] < last)
    late, likely = rows["late"][chosen], model.predict_proba(inputs[chosen])[:, 1]  # type: ignore[attr-defined]
    return float(roc_auc_score(late, likely)), float(log_loss(late, likely))


def as_model_sees(features: Mapping[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(features)
    numbers = frame.select_dtypes("number").columns
    return frame.astype(dict.fromkeys(numbers, "float32"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    load("prepare").prepare(folder, str)
    return folder / "data"


def test_quality_is_what_an_honest_join_reaches(data: Path) -> None:
    rows = join_by_hand(data, pd.Timestamp("2013-04-01", tz="America/New_York"))
    inputs = as_model_sees(load("features").features({name: rows[name].to_numpy() for name in rows.columns}))
    learnt = rows["predicted_at"] < pd.Timestamp("2013-02-15", tz="America/New_York")
    model = load("train").train(inputs[learnt], rows["late"][learnt], PARAMS)
    held_out = score(rows, inputs, model, ("2013-02-15", "2013-03-01"))
    march = score(rows, inputs, model, ("2013-03-01", "2013-04-01"))
    assert list(held_out) == pytest.approx([0.722, 0.489], abs=0.01)
    assert list(march) == pytest.approx([0.745, 0.475], abs=0.01)


def test_training_again_gives_the_same_model(data: Path) -> None:
    rows = join_by_hand(data, pd.Timestamp("2013-01-15", tz="America/New_York"))
    inputs = as_model_sees(load("features").features({name: rows[name].to_numpy() for name in rows.columns}))
    first, second = (load("train").train(inputs, rows["late"], {"n_estimators": 20}) for _ in range(2))
    assert (first.predict_proba(inputs) == second.predict_proba(inputs)).all()
