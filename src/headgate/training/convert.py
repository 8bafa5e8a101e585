"""Turn a fitted model into an ONNX graph with its preprocessing inside, in the one form that a bundle holds.

    inputs    features:numbers  float32 [n, F]   the float features side by side, in the signature's order
              features:strings  string  [n, S]   the string features, likewise
    outputs   probability [n]  |  probabilities [n, k] and label [n]  |  prediction [n]

Converters are sometimes silently wrong: nothing here is believed before headgate.training.parity has compared it.
"""

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headgate.base.errors import BadInput
from headgate.registry.field import Field
from headgate.training import graph
from headgate.training.kinds.sklearn import fitted_names
from headgate.training.missing import with_missing_text
from headgate.training.native import KindName, recognise
from headgate.training.rounding import round_down
from headgate.training.thresholds import doubles

LONGEST = 300
MATRIX = "matrix"
BOOSTER_OPSET = 15  # the newest that onnxmltools writes for boosters; graph.finish raises what it states


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the graph is to take and give.

    Attributes:
        task: binary, multiclass or regression.
        features: The signature's features.
        classes: Labels in the order of the probabilities; empty for regression.
    """

    task: str
    features: tuple[Field, ...]
    classes: tuple[str, ...]


class NoConversionError(Exception):
    """There is no way to ONNX for this model; the text says why, in one sentence."""


def convert(model: object, wanted: Wanted) -> Any:
    """Return an onnx.ModelProto that takes the features and gives the task's outputs.

    Raises:
        NoConversionError: No converter, or one that failed.
    """
    if any(field.width is not None for field in wanted.features):
        raise NoConversionError("features that are vectors have no converter")
    native = recognise(model)
    try:
        body = CONVERTERS[native.kind](native.model, wanted)
        round_down(body, doubles(native.model))
        return graph.finish(body, wanted.task, wanted.features, wanted.classes, _columns(native.model, wanted))
    except BadInput as error:
        raise NoConversionError(error.what) from error
    except NoConversionError:
        raise
    except Exception as error:  # four converter libraries, each with classes of errors of its own
        text = " ".join(str(error).split())[:LONGEST]
        raise NoConversionError(f"the converter failed: {type(error).__name__}: {text}") from error


def _sklearn(model: Any, wanted: Wanted) -> Any:
    from skl2onnx import convert_sklearn

    from headgate.training.converters import options_for, register

    register()
    ready = _without_names(with_missing_text(model))
    return convert_sklearn(
        ready, "headgate", _inputs(model, wanted), target_opset=graph.OPSETS, options=options_for(ready, wanted.task)
    )


def _inputs(model: Any, wanted: Wanted) -> list[tuple[str, Any]]:
    """One matrix for a model of numbers that was fitted on all columns in order; else an input per column."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    fields = {field.name: field for field in wanted.features}
    columns = _columns(model, wanted)
    make = {True: StringTensorType, False: FloatTensorType}
    if _by_column(model):
        return [(name, make[fields[name].dtype == "string"]([None, 1])) for name in columns]
    kinds = {fields[name].dtype == "string" for name in columns}
    if len(kinds) > 1 or (True in kinds and _is_booster(model)):
        raise NoConversionError("string columns need a ColumnTransformer that encodes them by name")
    return [(MATRIX, make[True in kinds]([None, len(columns)]))]


def _columns(model: Any, wanted: Wanted) -> list[str]:
    """Return the features that the model was fitted on, in its own order."""
    every = [field.name for field in wanted.features]
    names = fitted_names(model) or []
    if not set(names) & set(every):  # fitted on an array: names such as Column_0 are the library's own
        return every
    if strange := sorted(set(names) - set(every)):
        raise NoConversionError(f"the model was fitted on {', '.join(strange)}, which are no features")
    return names


def _by_column(model: Any) -> bool:
    """Say whether the first thing that sees the rows is a ColumnTransformer."""
    while hasattr(model, "steps"):
        model = model.steps[0][1]
    return hasattr(model, "transformers_")


def _is_booster(model: Any) -> bool:
    return type(model).__module__.partition(".")[0] in {"lightgbm", "xgboost"}


def _without_names(model: Any) -> Any:
    """Return a copy whose XGBoost parts know features by number: the converter refuses any other name."""
    import copy

    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if type(last).__module__.partition(".")[0] != "xgboost":
        return model
    twin = copy.deepcopy(model)
    last = twin.steps[-1][1] if hasattr(twin, "steps") else twin
    last.get_booster().feature_names = None
    return twin


def _lightgbm(model: Any, wanted: Wanted) -> Any:
    from onnxmltools import convert_lightgbm

    types = _booster_types(wanted)
    return convert_lightgbm(model, "headgate", types, target_opset=BOOSTER_OPSET, zipmap=False)


def _xgboost(model: Any, wanted: Wanted) -> Any:
    from onnxmltools import convert_xgboost

    twin = model.copy()
    twin.feature_names = None
    return convert_xgboost(twin, "headgate", _booster_types(wanted), target_opset=BOOSTER_OPSET)


def _booster_types(wanted: Wanted) -> list[tuple[str, Any]]:
    from onnxmltools.convert.common.data_types import FloatTensorType

    return [(MATRIX, FloatTensorType([None, len(_all_numbers(wanted))]))]


def _torch(model: Any, wanted: Wanted) -> Any:
    import torch

    from headgate.training.kinds.torch import export

    _all_numbers(wanted)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of every optional library that is not there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns itself of its own use of its own API
        program = torch.onnx.export(
            export(model), dynamo=True, input_names=[MATRIX], opset_version=graph.OPSETS[""], verbose=False
        )
    if program is None:
        raise NoConversionError("torch.onnx returned no program")
    return program.model_proto


def _none(model: Any, wanted: Wanted) -> Any:
    del model, wanted
    raise NoConversionError("an MLflow model of another flavour has no converter")


def _all_numbers(wanted: Wanted) -> list[str]:
    if strings := [field.name for field in wanted.features if field.dtype == "string"]:
        raise NoConversionError(f"the model takes numbers, but {', '.join(strings)} are strings")
    return [field.name for field in wanted.features]


CONVERTERS: Mapping[KindName, Callable[[Any, Wanted], Any]] = {
    "sklearn": _sklearn,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "torch": _torch,
    "mlflow": _none,
}
