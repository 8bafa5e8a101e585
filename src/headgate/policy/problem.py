"""One thing that is wrong with a policy, where it stands, and the nearest right spelling."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one key.

    Attributes:
        path: The keys and list positions that lead to it, from the top of the file.
        what: What is wrong and what is allowed, in one or two sentences.
        line: 1-based line of the file; 0 until it is known.
    """

    path: KeyPath
    what: str
    line: int = 0

    def show(self, file: str) -> str:
        """Return ``file:line: key: what``."""
        key = show_path(self.path)
        return f"{file}:{self.line}: {key}: {self.what}" if key else f"{file}:{self.line}: {self.what}"


def show_path(path: KeyPath) -> str:
    """Return ``models.late.scorecard[2].metric``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def nearest(word: object, allowed: Iterable[str]) -> str:
    """Return `` Did you mean X?``, or nothing when no allowed word is near."""
    names = {name.lower(): name for name in allowed}
    found = get_close_matches(str(word).lower(), names, n=1, cutoff=0.6)
    return f" Did you mean {names[found[0]]}?" if found else ""


def list_words(words: Iterable[str], most: int = 12) -> str:
    """Return the words joined by commas; of a long list the first ones, and how many more there are."""
    every = list(words)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more if every else "none"
