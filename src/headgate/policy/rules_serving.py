"""The rules of how a model is served: the unit is something that a caller sends."""

from collections.abc import Iterator

from headgate.policy.model import ModelPolicy
from headgate.policy.problem import Problem


def serving_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with how a model is to be served."""
    unit, inputs = model.serving.unit, model.features.inputs
    if unit is not None and unit not in inputs:
        yield Problem(("serving", "unit"), f"{unit} is not an input; expected one of: {', '.join(inputs)}")
