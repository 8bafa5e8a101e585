"""A registered version, and the record of the run that made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from headgate.base.digest import Json


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version of a model.

    Attributes:
        model: The model's name.
        number: The registry's version, a string of digits.
        run: The registry's run id.
        digest: The bundle's digest.
        author: Who trained or registered it (``person:ada``).
        trained_until: No training row is later; None when unknown.
    """

    model: str
    number: str
    run: str
    digest: str
    author: str
    trained_until: datetime | None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is recorded of a run, so that it can be read and reproduced.

    Attributes:
        model: The model's name.
        name: Headgate's run id; the same id is never recorded twice.
        params, metrics, tags: As any tracking client shows them; metrics by segment are ``auc/origin=JFK``.
        record: The whole record as JSON (snapshot, code, environment, seed, signature); stored as ``record.json``.
    """

    model: str
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    record: Json
