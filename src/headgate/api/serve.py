"""Run the control API on a socket until a signal. It holds nothing back: requests under way are finished first."""

import getpass
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.api.caller import LOCAL
from headgate.gateway.guard.host import is_loopback

if TYPE_CHECKING:
    from headgate.wiring import Project

DRAIN_SECONDS = 10
CONNECTIONS = 128


def serve(
    project: "Project", host: str, port: int, running: Callable[[], Mapping[str, Any]], told: Callable[[str], None]
) -> None:
    """Answer requests until SIGTERM or Ctrl-C.

    Args:
        project: The project.
        host: Address; beyond loopback every request needs an API key.
        port: TCP port; 0: any free one.
        running: Returns what runs of the project on this machine.
        told: Called with the address once it answers.
    """
    import uvicorn

    from headgate.api.application import build
    from headgate.api.desk import Counter
    from headgate.gateway.listen import listen

    local = is_loopback(host)
    needed = not local or project.policy.settings.ask_keys == "always"
    answers = project.answers(secrets.token_hex(8))
    app = build(Counter(project, answers, needed, getpass.getuser(), LOCAL if local else (), running))
    settings = project.policy.settings
    secure = bool(settings.tls_certificate and settings.tls_key)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ssl_certfile=_path(project.folder, settings.tls_certificate) if secure else None,
        ssl_keyfile=_path(project.folder, settings.tls_key) if secure else None,
    )
    (plug,) = listen(host, port)
    told(f"http{'s' * secure}://{host}:{plug.getsockname()[1]}")
    uvicorn.Server(config).run(sockets=[plug])


def _path(folder: Path, name: str) -> str:
    return str(folder / name)
