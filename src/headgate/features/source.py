"""Read features.py without running it, and refuse what would make training and serving differ.

Allowed: numpy and the parts of the standard library that neither touch the world nor remember. This guards against
accidents (a file that the gateway does not have, a clock, chance, state between requests); whoever wants to get around
it can, so what runs is decided by approval, not here.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from headgate.base.errors import BadInput

Finding: TypeAlias = tuple[int, str]

WORLD = "it reaches outside: the gateway must answer from the columns alone"
CLOCK = "the answer would change with the time of day: take a timestamp column"
CHANCE = "the answer would change from call to call"
CODE = "it loads or makes code that nobody approved"
STATE = "it shares state or threads between requests"


def _forbid(why: Mapping[str, str]) -> Mapping[str, str]:
    """Turn reason -> words into word -> reason."""
    return {word: reason for reason, words in why.items() for word in words.split()}


MODULES = _forbid(
    {
        WORLD: """
        bz2 csv dbm fcntl fileinput ftplib getpass glob grp gzip http imaplib io logging lzma mmap os pathlib platform
        poplib posix pty pwd resource select selectors shelve shutil signal smtplib socket socketserver sqlite3 ssl
        subprocess sys syslog tarfile tempfile termios urllib webbrowser xmlrpc zipfile
        """,
        CLOCK: "sched time",
        CHANCE: "random secrets uuid",
        CODE: """
        ast builtins code codeop ctypes dis gc importlib inspect marshal pickle pkgutil runpy site types zipimport
        """,
        STATE: "asyncio atexit concurrent contextvars multiprocessing queue threading weakref",
    }
)
NAMES = _forbid(
    {
        WORLD: "breakpoint input open print",
        CODE: "__import__ compile delattr eval exec getattr globals locals setattr vars",
        "its answer differs from process to process": "hash id",
    }
)
NUMPY = _forbid(
    {
        WORLD: "DataSource fromfile fromregex genfromtxt load loadtxt memmap save savetxt savez savez_compressed",
        CHANCE: "random",
        CODE: "ctypeslib distutils f2py lib testing",
    }
)
METHODS = _forbid({WORLD: "dump tofile", CLOCK: "now today utcnow"})


def check(source: str, where: str, function: str = "features") -> None:
    """Refuse a features.py (or a combine.py, which is held to the same) that is not allowed, all findings in one error.

    Args:
        source: The text of features.py.
        where: Its path, for the message.
        function: The function that it must define.

    Raises:
        BadInput: It is no Python; imports something else than numpy and the harmless standard library; reaches for
            files, clocks, chance, code or state; or does not define the function with one parameter.
    """
    try:
        tree = ast.parse(source, where)
    except (SyntaxError, ValueError) as error:
        line = f" on line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise BadInput(f"is no Python{line}: {error}", where=where, way_out="fix the syntax") from error
    found = sorted({*_walk(tree), *_definition(tree, function)})
    if found:
        raise BadInput(
            "\n  ".join(["is not allowed:", *(f"line {line}: {why}" for line, why in found)]),
            where=where,
            way_out=f"{function}() may use numpy and plain computation on its columns; "
            "what needs files, clocks or other libraries belongs in a stored feature table",
        )


def _walk(tree: ast.Module) -> Iterator[Finding]:
    numpy, own = _numpy_names(tree), _own_names(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield from _import(node.lineno, alias.name)
            case ast.ImportFrom(level=level, module=module, names=names):
                yield from _import_from(node.lineno, level, module or "", [alias.name for alias in names])
            case ast.Name(id=name) if name in NAMES and name not in own:
                yield node.lineno, f"{name}: {NAMES[name]}"
            case ast.Global():
                yield node.lineno, f"global {', '.join(node.names)}: {STATE}"
            case ast.Attribute(attr=name):
                yield from _attribute(node, name, numpy)


def _import(line: int, module: str) -> Iterator[Finding]:
    top, _, rest = module.partition(".")
    if top == "numpy":
        if (first := rest.partition(".")[0]) in NUMPY:
            yield line, f"import {module}: {NUMPY[first]}"
    elif top in MODULES:
        yield line, f"import {module}: {MODULES[top]}"
    elif top not in sys.stdlib_module_names or top.startswith("_"):
        yield line, f"import {module}: only numpy and the standard library are there when the gateway answers"


def _import_from(line: int, level: int, module: str, names: list[str]) -> Iterator[Finding]:
    if level:
        yield line, "relative import: features.py travels alone in the bundle"
        return
    if "*" in names:
        yield line, f"from {module} import *: name what is imported"
    if module == "__future__":
        return
    for name in names if module == "numpy" or module.startswith("numpy.") else ("",):
        yield from _import(line, f"{module}.{name}" if name else module)


def _attribute(node: ast.Attribute, name: str, numpy: frozenset[str]) -> Iterator[Finding]:
    if isinstance(node.value, ast.Name) and node.value.id in numpy and name in NUMPY:
        yield node.lineno, f"{node.value.id}.{name}: {NUMPY[name]}"
    elif name in METHODS:
        yield node.lineno, f".{name}: {METHODS[name]}"
    elif name.startswith("__") and name not in {"__name__", "__doc__"}:
        yield node.lineno, f".{name}: {CODE}"


def _numpy_names(tree: ast.Module) -> frozenset[str]:
    return frozenset(
        alias.asname or "numpy"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "numpy" or (alias.name.startswith("numpy.") and alias.asname is None)
    )


def _own_names(tree: ast.Module) -> frozenset[str]:
    """Return the names that the file gives a meaning of its own: a variable may be called `id` or `input`."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)})


def _definition(tree: ast.Module, name: str) -> Iterator[Finding]:
    """Yield what is wrong with the definition of the function: exactly one, at the top, with one parameter."""
    found = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    if not found:
        yield 1, f"there is no `def {name}(columns)` at the top level"
    for again in found[1:]:
        yield again.lineno, f"{name} is defined again (first on line {found[0].lineno})"
    for node in found[:1]:
        plain = node.args
        given = [*plain.posonlyargs, *plain.args]
        if isinstance(node, ast.AsyncFunctionDef):
            yield node.lineno, f"{name} is async: it must be a plain function"
        if len(given) != 1 or plain.vararg or plain.kwarg or plain.kwonlyargs:
            yield node.lineno, f"{name} takes ({ast.unparse(plain)}): it must take one parameter, `columns`"
        for inner in _yields(node):
            yield inner, f"{name} is a generator: it must return a dict"


def _yields(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[int]:
    yield from (inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Yield | ast.YieldFrom))
