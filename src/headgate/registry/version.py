"""A registered version, and the record of the run that made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from headgate.base.digest import Json
from headgate.base.errors import Tampered


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


def counts_anew(model: str, number: str, digest: str, found: str) -> Tampered:
    """Return the error of a registry that does not hold what the journal says of a version; `found` empty: nothing."""
    has = f"is {found[:19]}" if found else "is not there"
    return Tampered(
        f"in the registry, version {number} of {model} {has}; the journal's is {digest[:19]}: "
        "the registry was replaced and counts anew",
        where=f"model {model}, version {number}",
        way_out="bring back the registry that belongs to this journal (settings.tracking, or mlflow.db and artefacts "
        "from a backup); to go on with the new one, give the model a new name in headgate.yaml",
    )
