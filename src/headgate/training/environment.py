"""What a run ran on: interpreter, installed packages, machine, threads. Reads the process's surroundings only."""

import os
import platform
import sys
from importlib.metadata import distributions

from headgate.base.digest import Json, digest_json


def packages() -> tuple[str, ...]:
    """Return every installed distribution as ``name==version``, sorted."""
    found = {(dist.metadata["Name"] or "").lower(): dist.version for dist in distributions()}
    return tuple(f"{name}=={version}" for name, version in sorted(found.items()) if name)


def environment(threads: int) -> dict[str, Json]:
    """Return what is recorded of the surroundings of a run."""
    listed = list(packages())
    return {
        "python": sys.version.split()[0],
        "implementation": platform.python_implementation(),
        "packages": listed,
        "packages_digest": digest_json(listed),
        "machine": machine(),
        "threads": threads,
    }


def machine() -> dict[str, Json]:
    """Return processor, cores and system."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123 - a kernel file, not a path of the project
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        return platform.processor()
    return platform.processor()
