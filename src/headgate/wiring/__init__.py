"""Puts a project together: the only folder that names an adapter."""

from headgate.wiring.keys import create_key, key_path, load_key
from headgate.wiring.models import make_runtime, open_model
from headgate.wiring.place import anchor, find_policy
from headgate.wiring.project import Project
from headgate.wiring.traffic import outcome_pieces

__all__ = [
    "Project",
    "anchor",
    "create_key",
    "find_policy",
    "key_path",
    "load_key",
    "make_runtime",
    "open_model",
    "outcome_pieces",
]
