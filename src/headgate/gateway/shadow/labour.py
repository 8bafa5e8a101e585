"""What the process of a shadow does with rows: one call for all; what a request breaks is its own affair. Pure."""

from collections.abc import Callable

import numpy as np

from headgate.base.errors import BadInput, Ended, Unavailable
from headgate.features.predictor import Predictor
from headgate.gateway.shadow.messages import Done, Run
from headgate.registry.field import Columns
from headgate.registry.wire import Array, pack, unpack

OK, REFUSED, FAILED, AWAY = 200, 400, 500, 503
NO_MEMORY = ("MemoryError", "bad_alloc", "Failed to allocate memory")  # also said by a process of its own


class Gone(Exception):
    """The shadow has ended the process of its model."""


def answer(predictor: Predictor, run: Run, cpu: Callable[[], float]) -> Done:
    """Return the outputs of every request that the shadow answers, and the status of each.

    Raises:
        MemoryError: The shadow needs more memory than it may have.
        Gone: The process of its model is gone.
    """
    began = cpu()
    inputs = {name: np.array(column) for name, column in unpack(run.columns).items()}  # features() may change its own
    outputs, status = _try(predictor, inputs)
    if status == OK:
        return Done([], pack(outputs), cpu() - began)
    size = len(next(iter(inputs.values())))
    rows = run.rows if run.rows is not None else [1] * size
    if len(rows) == 1:
        return Done([status], {}, cpu() - began)
    statuses, good = _each(predictor, inputs, rows)
    joined = {name: np.concatenate([one[name] for one in good]) for name in good[0]} if good else {}
    return Done(statuses, pack(joined), cpu() - began)


def _each(predictor: Predictor, inputs: Columns, rows: list[int]) -> tuple[list[int], list[dict[str, Array]]]:
    statuses, good, start = [], [], 0
    for count in rows:
        one = {name: column[start : start + count] for name, column in inputs.items()}
        outputs, status = _try(predictor, one)
        statuses.append(status)
        if status == OK:
            good.append(outputs)
        start += count
    return statuses, good


def _try(predictor: Predictor, inputs: Columns) -> tuple[dict[str, Array], int]:
    try:
        return predictor.predict(inputs), OK
    except Exception as error:  # whatever a shadow raises is the status of its own copies
        if lacks_memory(error):
            raise MemoryError from error
        if isinstance(error, Ended):  # its own, or that of a member of an ensemble
            raise Gone(error.what.split(";")[0]) from error
        if isinstance(error, Unavailable):
            return {}, AWAY
        return {}, REFUSED if isinstance(error, BadInput) else FAILED


def lacks_memory(error: BaseException | None) -> bool:
    """Say whether an error, or what led to it, is that there is no memory left."""
    while error is not None:
        if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False
