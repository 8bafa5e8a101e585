"""Teach skl2onnx the estimators of LightGBM and XGBoost, and around one fault of its own."""

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

WIDTHS = {"zipmap": [True, False, "columns"], "nocl": [True, False], "raw_scores": [True, False]}


class PlainAttributes:
    """A container that hands graph attributes on as plain Python numbers; onnx >= 1.23 refuses numpy's booleans."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> Any:
        """Add the node, its lists of numpy integers and booleans made plain."""
        plain = {name: _plain(value) for name, value in attributes.items()}
        return self._container.add_node(op_type, inputs, outputs, **plain)


def _plain(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [int(item) if isinstance(item, bool | np.bool_ | np.integer) else item for item in value]


def options_for(model: Any, task: str) -> dict[int, dict[str, bool]]:
    """Return skl2onnx's options: no ZipMap, so that probabilities are a tensor."""
    return {} if task == "regression" else {id(model): {"zipmap": False}}


@functools.cache
def register() -> None:
    """Register the converters, once in a process."""
    _register_histograms()
    if importlib.util.find_spec("lightgbm"):
        _register_lightgbm()
    if importlib.util.find_spec("xgboost"):
        _register_xgboost()


def _register_histograms() -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from skl2onnx.operator_converters.random_forest import (
        convert_sklearn_random_forest_classifier,
        convert_sklearn_random_forest_regressor_converter,
    )
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    update_registered_converter(
        HistGradientBoostingClassifier,
        "SklearnHistGradientBoostingClassifier",
        calculate_linear_classifier_output_shapes,
        _plainly(convert_sklearn_random_forest_classifier),
        options={**WIDTHS, "output_class_labels": [False, True]},
    )
    update_registered_converter(
        HistGradientBoostingRegressor,
        "SklearnHistGradientBoostingRegressor",
        calculate_linear_regressor_output_shapes,
        _plainly(convert_sklearn_random_forest_regressor_converter),
    )


def _plainly(convert: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any, Any], None]:
    def converted(scope: Any, operator: Any, container: Any) -> None:
        convert(scope, operator, PlainAttributes(container))

    return converted


def _register_lightgbm() -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options=WIDTHS,
    )
    update_registered_converter(
        LGBMRegressor,
        "LightGbmLGBMRegressor",
        calculate_linear_regressor_output_shapes,
        convert_lightgbm,
        options={"split": None},
    )


def _register_xgboost() -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from xgboost import XGBClassifier, XGBRegressor

    update_registered_converter(
        XGBClassifier,
        "XGBoostXGBClassifier",
        calculate_linear_classifier_output_shapes,
        convert_xgboost,
        options=WIDTHS,
    )
    update_registered_converter(
        XGBRegressor, "XGBoostXGBRegressor", calculate_linear_regressor_output_shapes, convert_xgboost
    )
