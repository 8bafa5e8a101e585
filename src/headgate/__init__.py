"""Headgate takes a model from a training run to production traffic, and keeps it fit there."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headgate.recording import run as run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    """Import `headgate.run` when it is first asked for: the package itself costs nothing."""
    if name == "run":
        from headgate.recording import run

        return run
    raise AttributeError(f"module 'headgate' has no attribute {name!r}")
