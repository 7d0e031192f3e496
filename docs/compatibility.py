"""docs/reference/compatibility.md: which clients of other services are shown to work here, and what does not.

What works is read from the marks ``client`` of the tests in ``tests/integration/dialects``, the versions from the locked
packages that these tests run with, and what does not work from what each dialect declares.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from web import dialects
from web.dialects.dialect import Dialect

ROOT: Final = Path(__file__).parents[1]
TESTS: Final = ROOT / "tests" / "integration" / "dialects"
HOW_TO: Final = ROOT / "docs" / "how-to"
#: The environment of a program that is not run: a test sends its requests as it sends them.
REQUESTS: Final = "requests"
_NODE: Final = "client-node"
_NODE_LOCK: Final = ROOT / "tests" / "clients" / "node" / "package-lock.json"
_HEAD: Final = """# Compatibility

Programs that were made for another service and work here after a change of the address. Made by `./run docs` from the tests
of real clients (`tests/integration/dialects`) and from what each dialect declares; do not edit.

A client is listed with the version that the tests run, and with the calls that they show. Other versions and other calls may
work as well: nobody has tried them. Where it says *requests*, the program itself is not run: a test sends what it sends.

`DARKROOM_DIALECTS` says which of these APIs are there: `all` (as it is set at first), `none`, or names with commas between.
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """What one mark ``client`` says: a test of a dialect shows calls of a package."""

    dialect: str
    environment: str
    package: str
    calls: tuple[str, ...]


def marks() -> list[Mark]:
    """All marks, in the order of the tests.

    Raises:
        ValueError: One is not written as a list of texts, or its file is of no dialect.
    """
    return [mark for path in sorted(TESTS.glob("test_*.py")) for mark in _marks_in(path)]


def _marks_in(path: Path) -> Iterator[Mark]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(found, key=lambda call: call.lineno):
        if ast.unparse(node.func) != "pytest.mark.client":
            continue
        words = [word.value for word in node.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        if len(words) != len(node.args) or len(words) < 3:
            raise ValueError(f"{path.name}:{node.lineno}: write a mark as texts: an environment, a package, its calls")
        yield Mark(_dialect_of(path), words[0], words[1], tuple(words[2:]))


def _dialect_of(path: Path) -> str:
    """The dialect that a file of tests is about: ``test_NAME_clients.py``."""
    for name in dialects.NAMES:
        if path.stem.startswith(f"test_{name}_"):
            return name
    raise ValueError(f"{path.name}: a file of marks is called test_NAME_….py, after its dialect")


def version_of(environment: str, package: str) -> str:
    """The version of a package in an environment of the tests.

    Raises:
        LookupError: It is not there, or there is no such environment.
    """
    if environment == _NODE:
        return _node_version(package)
    lock = ROOT / "requirements" / f"{environment}.txt"
    if not lock.is_file():
        raise LookupError(f"there is no environment {environment}: no requirements/{lock.name}")
    for line in lock.read_text(encoding="utf-8").splitlines():
        name, equal, rest = line.partition("==")
        if equal and _plain(name) == _plain(package):
            return rest.split()[0]
    raise LookupError(f"requirements/{lock.name} has no package {package}")


def _node_version(package: str) -> str:
    found = json.loads(_NODE_LOCK.read_text(encoding="utf-8"))["packages"].get(f"node_modules/{package}")
    if found is None:
        raise LookupError(f"{_NODE_LOCK.relative_to(ROOT)} has no package {package}")
    version: str = found["version"]
    return version


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def page() -> str:
    """The whole page."""
    found = marks()
    known = [dialects.load(name) for name in dialects.NAMES]
    sections = [_section(dialect, [mark for mark in found if mark.dialect == dialect.name]) for dialect in known]
    return "\n".join([_HEAD, *_overview(known), *(line for section in sections for line in section)])


def _overview(known: Iterable[Dialect]) -> Iterator[str]:
    yield "| API of | name in `DARKROOM_DIALECTS` | how to use it |"
    yield "|---|---|---|"
    for dialect in known:
        yield f"| [{dialect.label}](#{_anchor(dialect.label)}) | `{dialect.name}` | {_link(dialect)} |"
    yield ""


def _section(dialect: Dialect, found: Iterable[Mark]) -> Iterator[str]:
    yield f"## {dialect.label}"
    yield ""
    yield "| client | version | calls |"
    yield "|---|---|---|"
    calls: dict[tuple[str, str], dict[str, None]] = {}
    for mark in found:
        calls.setdefault((mark.environment, mark.package), {}).update(dict.fromkeys(mark.calls))
    for (environment, package), names in calls.items():
        shown = ", ".join(f"`{name}`" for name in names)
        yield f"| {_client(environment, package)} | {shown} |"
    yield ""
    if dialect.lacks:
        yield "| not there | why |"
        yield "|---|---|"
        yield from (f"| {what} | {why} |" for what, why in dialect.lacks)
        yield ""


def _client(environment: str, package: str) -> str:
    if environment == REQUESTS:
        return f"{package} | *requests*"
    language = "Node" if environment == _NODE else "Python"
    return f"`{package}` ({language}) | {version_of(environment, package)}"


def _link(dialect: Dialect) -> str:
    title = (HOW_TO / dialect.page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"[{title}](../how-to/{dialect.page})"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
