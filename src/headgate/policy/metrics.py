"""The names of the metrics that a scorecard may use, by task.

Names, directions and ranges only: how each is computed is training/metrics.py's. Imports no numeric library, so that a
policy is checked without loading one.
"""

from collections.abc import Mapping
from types import MappingProxyType

HIGHER_IS_BETTER: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {
        "binary": MappingProxyType(
            {
                "roc_auc": True,
                "average_precision": True,
                "log_loss": False,
                "brier": False,
                "accuracy": True,
                "f1": True,
                "precision": True,
                "recall": True,
            }
        ),
        "multiclass": MappingProxyType(
            {"accuracy": True, "balanced_accuracy": True, "f1_macro": True, "log_loss": False, "roc_auc_ovr": True}
        ),
        "regression": MappingProxyType(
            {"mae": False, "rmse": False, "r2": True, "mape": False, "median_absolute_error": False}
        ),
    }
)
"""Task -> metric -> whether a larger value is better."""

METRIC_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {task: tuple(metrics) for task, metrics in HIGHER_IS_BETTER.items()}
)
"""Task -> the metrics that are computed for it."""

PAIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "binary": ("accuracy", "precision", "recall", "brier", "log_loss", "roc_auc"),
        "multiclass": ("accuracy",),
        "regression": ("mae",),
    }
)
"""Task -> the metrics by which a shadow can be judged while pairs come in; the others are no means over pairs."""


def higher_is_better(task: str, metric: str) -> bool:
    """Say whether a larger value of the metric is better; KeyError for a metric that the task has not."""
    return HIGHER_IS_BETTER[task][metric]


METRIC_RANGE: Mapping[str, tuple[float | None, float | None]] = MappingProxyType(
    {
        **dict.fromkeys(("roc_auc", "average_precision", "brier", "accuracy", "f1", "precision", "recall"), (0.0, 1.0)),
        **dict.fromkeys(("balanced_accuracy", "f1_macro", "roc_auc_ovr"), (0.0, 1.0)),
        **dict.fromkeys(("log_loss", "mae", "rmse", "mape", "median_absolute_error"), (0.0, None)),
        "r2": (None, 1.0),
    }
)
"""Metric -> smallest and largest value that it can take; None: no bound."""
