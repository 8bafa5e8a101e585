"""`python -m headgate.cli.compactor FOLDER [--share]`: compacts the prediction log once, at the lowest priority.

Whoever serves starts it about once a minute, and it dies with it: a compaction may be killed anywhere, and the next
one goes on. Not for people, who type `headgate compact`.
"""

import sys
from pathlib import Path

from headgate.base.background import SHARE, give_way
from headgate.base.errors import HeadgateError


def main(folder: str, *options: str) -> int:
    """Compact; return the exit code."""
    give_way(share=SHARE in options)
    from headgate.cli.output import open_project

    try:
        open_project(Path(folder)).compact()
    except HeadgateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
