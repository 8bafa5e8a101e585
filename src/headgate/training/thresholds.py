"""Read from a fitted model where its trees split, by feature: the values that part float32 from float64.

It knows trees that see features unchanged (alone, or passed through by a ColumnTransformer); other models give nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Splits: TypeAlias = dict[int, list[float]]
LIGHTGBM_ZERO = float(np.float32(1e-35))  # kZeroThreshold in LightGBM's meta.h


def thresholds(model: object, features: Sequence[str]) -> Mapping[str, Array]:
    """Return by feature the values at which trees split on it, as float64; empty where none are known."""
    found = splits(_last(model))
    if not found:
        return {}
    names = _names(model, features)
    by_name = {names[at]: values for at, values in found.items() if at < len(names) and names[at] is not None}
    return {str(name): np.unique(np.asarray(values)) for name, values in by_name.items()}


def doubles(model: object) -> Splits:
    """Return the splits of a model that compares them as float64 with its inputs; none for all other models."""
    last = _last(model)
    if hasattr(last, "_predictors"):
        return _histograms(last)
    if hasattr(last, "booster_") or hasattr(last, "num_model_per_iteration"):
        return {column: [_without_zero(value) for value in values] for column, values in splits(last).items()}
    return {}


def _without_zero(threshold: float) -> float:
    """Move the threshold just below zero a step down: LightGBM reads every value within +-1e-35 as zero."""
    return float(np.nextafter(threshold, -np.inf)) if threshold == -LIGHTGBM_ZERO else threshold


def splits(model: Any) -> Splits:
    """Return by column number the values at which the trees of a model split."""
    if hasattr(model, "_predictors"):  # scikit-learn's histogram boosting
        return _histograms(model)
    if hasattr(model, "booster_"):
        return _lightgbm(model.booster_)
    if hasattr(model, "trees_to_dataframe") and hasattr(model, "dump_model"):
        return _lightgbm(model) if hasattr(model, "num_model_per_iteration") else _xgboost(model)
    if hasattr(model, "get_booster"):
        return _xgboost(model.get_booster())
    return _sklearn(model)


def _last(model: Any) -> Any:
    return model.steps[-1][1] if hasattr(model, "steps") else model


def _names(model: Any, features: Sequence[str]) -> list[str | None]:
    """Name the columns that the last step sees: features that reach it unchanged; None for all others."""
    steps = [step for _, step in getattr(model, "steps", [])[:-1]]
    if not steps:
        fitted = getattr(model, "feature_names_in_", None)
        named = [str(name) for name in fitted] if fitted is not None else list(features)
        return [*named] if set(named) & set(features) else [*features]
    first = steps[0]
    if len(steps) > 1 or not hasattr(first, "output_indices_"):
        return []
    width = max(place.stop for place in first.output_indices_.values())
    names: list[str | None] = [None] * width
    for name, how, columns in first.transformers_:
        if _passes(how) and not isinstance(columns, slice):
            place = first.output_indices_[name]
            seen = [str(features[int(at)]) if isinstance(at, int | np.integer) else str(at) for at in columns]
            names[place] = seen if len(seen) == place.stop - place.start else [None] * (place.stop - place.start)
    return names


def _passes(how: Any) -> bool:
    return how == "passthrough" if isinstance(how, str) else getattr(how, "func", 0) is None


def _lightgbm(booster: Any) -> Splits:
    found: Splits = {}
    for tree in booster.dump_model()["tree_info"]:
        _walk(tree["tree_structure"], found)
    return found


def _walk(node: Mapping[str, Any], found: Splits) -> None:
    if "split_feature" not in node:
        return
    if node["decision_type"] == "<=":
        found.setdefault(int(node["split_feature"]), []).append(float(node["threshold"]))
    _walk(node["left_child"], found)
    _walk(node["right_child"], found)


def _xgboost(booster: Any) -> Splits:
    table = booster.trees_to_dataframe()
    names = booster.feature_names or [f"f{at}" for at in range(booster.num_features())]
    place = {name: at for at, name in enumerate(names)}
    found: Splits = {}
    for name, value in zip(table["Feature"], table["Split"], strict=True):
        if name in place and value == value:  # noqa: PLR0124 - NaN: a split on categories
            found.setdefault(place[name], []).append(float(value))
    return found


def _histograms(model: Any) -> Splits:
    found: Splits = {}
    for trees in model._predictors:  # noqa: SLF001 - scikit-learn shows the trees nowhere else
        for tree in trees:
            inner = tree.nodes[tree.nodes["is_leaf"] == 0]
            for column, value in zip(inner["feature_idx"], inner["num_threshold"], strict=True):
                found.setdefault(int(column), []).append(float(value))
    return found


def _sklearn(model: Any) -> Splits:
    trees = [model] if hasattr(model, "tree_") else list(np.ravel(getattr(model, "estimators_", [])))
    found: Splits = {}
    for tree in (estimator.tree_ for estimator in trees if hasattr(estimator, "tree_")):
        inner = tree.feature >= 0
        for column, value in zip(tree.feature[inner], tree.threshold[inner], strict=True):
            found.setdefault(int(column), []).append(float(value))
    return found
