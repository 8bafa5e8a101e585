"""The rules of how a model is served: the unit is something that a caller sends, and what is redacted exists."""

from collections.abc import Iterator
from datetime import timedelta

from headgate.policy.model import ModelPolicy
from headgate.policy.problem import Problem, list_words, nearest
from headgate.policy.span import show_span

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=10)
UNIT_TYPES = ("string", "int")
OUTPUTS = {"binary": ("probability",), "multiclass": ("probabilities", "label"), "regression": ("prediction",)}


def serving_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with how a model is to be served."""
    unit, inputs = model.serving.unit, model.features.inputs
    if unit is not None and unit not in inputs:
        yield Problem(("serving", "unit"), f"{unit} is not an input; expected one of: {', '.join(inputs)}")
    elif unit is not None and unit in model.data.columns and model.data.columns[unit].type not in UNIT_TYPES:
        kind, allowed = model.data.columns[unit].type, list_words(UNIT_TYPES)
        what = f"{unit} is of type {kind}, which names nobody. Allowed here: {allowed}"
        yield Problem(("serving", "unit"), what)
    yield from _final_rules(model)
    yield from _log_rules(model)


def _final_rules(model: ModelPolicy) -> Iterator[Problem]:
    """A shadow that hangs is known to fail when its patience is over: that must still count."""
    final, patience = model.serving.final_after, model.serving.shadow.patience
    if not SHORTEST <= final <= LONGEST:
        what = f"{show_span(final)} is not between {show_span(SHORTEST)} and {show_span(LONGEST)}"
        yield Problem(("serving", "final_after"), what)
    elif patience > final:
        what = f"{show_span(final)} is shorter than serving.shadow.patience, {show_span(patience)}"
        yield Problem(("serving", "final_after"), f"{what}: a shadow that hangs would never count as failed")


def _log_rules(model: ModelPolicy) -> Iterator[Problem]:
    """A misspelt column would stay readable in the log, a password in a URL would stand in errors: both are refused."""
    to = model.serving.log.to
    host, colon, port = to.partition("://")[2].partition("/")[0].partition(":")
    if "://" in to and ("@" in host + port or (colon and not port.isdigit())):
        what = "holds a name or password; a policy is no place for secrets: use the environment (AWS_ACCESS_KEY_ID ...)"
        yield Problem(("serving", "log", "to"), what)
    stored = [f"{table.prefix}{column}" for table in model.features.stored.values() for column in table.columns]
    known = ("unit", *model.features.inputs, *stored, *OUTPUTS[model.task])
    for name in model.serving.log.redact:
        if name not in known:
            what = f"there is no such column.{nearest(name, known)} Allowed: {list_words(known)}"
            yield Problem(("serving", "log", "redact", name), what)
