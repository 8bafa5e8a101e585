"""scikit-learn estimators and pipelines, with LightGBM's and XGBoost's estimators in them: kept by skops."""

import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from headgate.base.errors import BadInput
from headgate.policy.model import PackagePolicy
from headgate.training.kinds.steady import steady

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES: tuple[str, ...] = ("scikit-learn", "skops", "numpy")
FILE, PICKLE = "model.skops", "model.pkl"
USER_MODULE = "headgate_user_train"  # the name under which headgate.training.child imports train.py

# What skops may build beyond its own defaults (scikit-learn's estimators, numpy's and SciPy's arrays): each was read
# and is data or arithmetic. A project adds to it by package.trusted_types.
TRUSTED: tuple[str, ...] = (
    "collections.OrderedDict",
    "functools.partial",  # holds a function that must itself be trusted
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMModel",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "numpy.mean",
    "scipy.interpolate._bsplines.BSpline",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRFClassifier",
    "xgboost.sklearn.XGBRFRegressor",
    "xgboost.sklearn.XGBRegressor",
)


def save(model: Any, folder: Path, policy: PackagePolicy) -> dict[str, Any]:
    """Write it with skops; with pickle only where skops cannot, and the policy allows it."""
    import skops.io

    trusted = (*TRUSTED, *policy.trusted_types)
    try:
        data = skops.io.dumps(model)
        found = set(skops.io.get_untrusted_types(data=data))
    except Exception as error:  # skops raises whatever the object's own reduction raises
        if policy.allow_pickle:
            return _pickle(model, folder)
        raise _refuse(f"skops cannot keep it: {str(error)[:200]}") from error
    own = sorted(name for name in found if name.startswith(USER_MODULE))
    strange = sorted(found - set(trusted))
    if (own or strange) and policy.allow_pickle:
        return _pickle(model, folder)
    if own:
        raise _refuse(f"the model holds types of train.py, which nobody else can import: {', '.join(own)}")
    if strange:
        raise _refuse(f"the model holds types that are not trusted: {', '.join(strange)}")
    (folder / FILE).write_bytes(steady(data))
    return {"file": FILE, "trusted": list(policy.trusted_types)}


def _pickle(model: Any, folder: Path) -> dict[str, Any]:
    """Write a pickle that carries the code of train.py with it: no other process can import that."""
    import cloudpickle  # type: ignore[import-untyped]  # ships no types

    own = sys.modules.get(USER_MODULE)
    if own is not None:
        cloudpickle.register_pickle_by_value(own)
    try:
        data = cloudpickle.dumps(model, protocol=5)
    except Exception as error:  # pickling runs the object's own reduction, which may raise anything
        raise BadInput(
            f"pickle cannot keep it: {type(error).__name__}: {str(error)[:200]}",
            where="train()",
            way_out="leave open files, locks and generators out of the model",
        ) from error
    finally:
        if own is not None:
            cloudpickle.unregister_pickle_by_value(own)
    (folder / PICKLE).write_bytes(data)
    return {"file": PICKLE, "trusted": []}


def _refuse(what: str) -> BadInput:
    return BadInput(
        what,
        where="train()",
        way_out="name the types under package.trusted_types after reading them, leave them out of the model, "
        "or set package.allow_pickle: true (a pickle runs code when it is loaded)",
    )


def load(folder: Path, record: Mapping[str, Any]) -> Any:
    """Read it back; skops refuses what was not trusted when it was written."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    if record["file"] == PICKLE:
        return unpickle(folder / PICKLE)
    try:
        return skops.io.load(folder / record["file"], trusted=[*TRUSTED, *record["trusted"]])
    except UntrustedTypesFoundException as error:
        raise _refuse(str(error)[:300]) from error
    except Exception as error:  # a damaged file, or another version of a library
        raise BadInput(
            f"it cannot be read: {type(error).__name__}: {str(error)[:200]}",
            where=str(folder / record["file"]),
            way_out=f"install the libraries it was written with: {record.get('libraries', {})}",
        ) from error


def unpickle(path: Path) -> Any:
    """Read a pickle; the caller has asked the policy.

    Raises:
        BadInput: It cannot be read with the libraries installed here.
    """
    try:
        return pickle.loads(path.read_bytes())  # noqa: S301 - the policy allows it
    except Exception as error:  # unpickling runs code, which may raise anything
        raise BadInput(
            f"it cannot be read: {type(error).__name__}: {str(error)[:200]}",
            where=str(path),
            way_out="install the libraries that it was written with",
        ) from error


def predict(model: Any, task: str, frame: "pd.DataFrame") -> Any:
    """Return probabilities or numbers."""
    rows = fitting(model, frame)
    if task == "regression":
        return model.predict(rows)
    if not hasattr(model, "predict_proba"):
        raise BadInput(
            f"{type(model).__qualname__} gives no probabilities",
            where="train()",
            way_out="fit an estimator with predict_proba, or wrap it in CalibratedClassifierCV",
        )
    return model.predict_proba(rows)


def fitting(model: Any, frame: "pd.DataFrame") -> Any:
    """Return the rows in the form that the model was fitted on: these columns of a frame, or a plain matrix."""
    names = fitted_names(model)
    if names is None:
        return frame.to_numpy()
    if missing := [name for name in names if name not in frame.columns]:
        if len(missing) == len(frame.columns):  # fitted on an array: names such as Column_0 are the library's own
            return frame.to_numpy()
        raise BadInput(
            f"the model was fitted on {', '.join(missing)}, which are no features",
            where="train()",
            way_out="fit on the columns of the frame that train() gets",
        )
    return with_categories(model, frame[names])


def fitted_names(model: Any) -> list[str] | None:
    """Return the columns that the model was fitted on; None when it saw an array."""
    try:
        names = _own_names(model)
    except AttributeError:
        return None
    return None if names is None else [str(name) for name in np.asarray(names).tolist()]


def _own_names(model: Any) -> Any:
    kind = type(model).__name__
    if kind != "Booster":
        return model.feature_names_in_
    return model.feature_name() if hasattr(model, "feature_name") else model.feature_names


def with_categories(model: Any, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Turn string columns into categories for a bare booster; it maps them to the codes that it was fitted with."""
    strings = [name for name, dtype in frame.dtypes.items() if dtype.kind == "O"]
    if not strings or type(model).__module__.partition(".")[0] not in {"lightgbm", "xgboost"}:
        return frame
    return frame.astype(dict.fromkeys(strings, "category"))


def classes_of(model: Any) -> tuple[str, ...]:
    """Return str() of the estimator's classes_."""
    classes = getattr(model, "classes_", None)
    if classes is None or not hasattr(model, "predict_proba"):
        return ()
    return tuple(str(name) for name in np.asarray(classes).tolist())
