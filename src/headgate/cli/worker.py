"""`python -m headgate.cli.worker PLAN`: one worker under a supervisor, which hands over its sockets. Not for people."""

import json
import logging
import sys
from pathlib import Path

from headgate.base.errors import HeadgateError
from headgate.cli.output import open_project
from headgate.cli.staff import Plan, station


def main(told: str) -> int:
    """Serve as the plan says; return the exit code."""
    from headgate.gateway.worker import serve

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s [%(process)d] %(message)s"
    )
    read = json.loads(told)
    try:
        plan = Plan(**{**read, "plugs": tuple(read["plugs"])})
        serve(station(open_project(Path(plan.folder)), plan))
    except HeadgateError as error:
        logging.getLogger("headgate.gateway").error("a worker cannot start: %s", error)  # noqa: TRY400 - said, not traced
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
