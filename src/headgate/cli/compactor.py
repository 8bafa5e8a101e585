"""`python -m headgate.cli.compactor FOLDER`: compacts the prediction log once, at low priority. Not for people.

Whoever serves starts it about once a minute, and it dies with it: a compaction may be killed anywhere, and the next
one goes on. People type `headgate compact`.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from headgate.base.errors import HeadgateError
from headgate.cli.output import open_project

LOWEST = 19
PR_SET_PDEATHSIG = 1


def main(folder: str) -> int:
    """Compact; return the exit code."""
    os.nice(LOWEST)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        open_project(Path(folder)).compact()
    except HeadgateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
