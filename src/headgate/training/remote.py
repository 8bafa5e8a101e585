"""Bring a model that another server runs: the bundle holds where it is asked, and what it answered on held-out rows.

The digest covers the address, not the model behind it: whoever changes that changes what is answered.
"""

import json

import numpy as np

from headgate.base.errors import BadInput
from headgate.training import native, parity
from headgate.training.draft import Draft

FILE = "remote.json"
SECONDS = 5.0
SCHEMES = ("http://", "https://")


def describe(url: str, *, allow_private: bool) -> str:
    """Return what remote.json holds."""
    return json.dumps(
        {"url": url.removesuffix(":predict").rstrip("/"), "seconds": SECONDS, "allow_private": allow_private}
    )


def classes_of(task: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels: as handed in, else "0" and "1"; a server does not name them.

    Raises:
        BadInput: They do not fit the task.
    """
    if task == "regression":
        return ()
    if not classes and task == "binary":
        return ("0", "1")
    if (len(classes) == 2) != (task == "binary"):  # noqa: PLR2004 - binary means two classes
        raise BadInput(
            f"{len(classes)} classes are named, the task is {task}",
            where="--classes",
            way_out="name the classes in the order of the probabilities: a remote server does not",
        )
    return classes


def fill(draft: Draft, text: str) -> None:
    """Write the bundle of a remote model; it is asked through the bundle, as it will be."""
    policy = draft.material.policy
    draft.write_features()
    (draft.folder / FILE).write_text(text)
    answers = draft.ask("remote")
    where = json.loads(text)["url"]
    native.SHAPES[policy.task](answers.cases.astype(np.float64), len(draft.cases.groups), where)
    same = parity.compare("remote", answers.cases, answers.cases, draft.cases, policy.package.tolerance)
    why = f"{where} answers; there is no other form to compare it with, and the digest does not cover what runs there"
    draft.finish("remote", why, {**same.to_json(), "why": why}, answers)
