"""Every file, folder, module, setting and heading of ours that a page, a docstring or a comment names is there."""

import ast
import functools
import io
import json
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.documented_commands import PAGES, ROOT

OUR_PAGES = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md"))]
TOP = "listener|workers|model_store|deploy|tests|docs|benchmarks|requirements"
PATH = re.compile(rf"(?<![\w./:-])(?:{TOP})/[\w./*-]*[\w*/]")
FILE = re.compile(r"`(?:[\w-]+/)*[\w-]+\.(?:py|md|c|rng)`")
DOTTED = re.compile(r"`((?:listener|workers|model_store|deploy|support)(?:\.\w+)+)(?:\(\))?`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NOT_OURS = {
    "deploy/listener",  # Kubernetes objects, as kubectl writes them
    "deploy/delivery",
    "deploy/kubernetes/OVERLAY",  # the reader's own folder
}


@functools.cache
def tracked() -> tuple[str, ...]:
    """Return the files of the repository, with those that are about to be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(name for name in listed.stdout.splitlines() if (ROOT / name).exists())


@functools.cache
def settings() -> frozenset[str]:
    """Return every setting of the configuration file and every section, with dots."""
    whole = json.loads((ROOT / "deploy" / "radtme.schema.json").read_text())

    def sections(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield entry
        if "$ref" in entry:
            yield from sections(whole["$defs"][entry["$ref"].rpartition("/")[2]])
        for each in [*entry.get("anyOf", ()), *entry.get("allOf", ())]:
            yield from sections(each)

    def names(schema: dict[str, Any], prefix: str) -> Iterator[str]:
        for section in sections(schema):
            for name, entry in section.get("properties", {}).items():
                yield prefix + name
                yield from names(entry, f"{prefix}{name}.")

    return frozenset(names(whole, ""))


@functools.cache
def is_module_or_member(dotted: str) -> bool:
    """Return whether a dotted name is a module of ours, or something that a module defines at its top level."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        folder = ROOT.joinpath(*parts[:count])
        if parts[0] == "support":
            folder = ROOT.joinpath("tests", *parts[:count])
        source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        if source.exists():
            rest = parts[count:]
            return not rest or re.search(rf"^(?:class |def )?{rest[0]}\b", source.read_text(), re.MULTILINE) is not None
    return False


def missing(text: str) -> list[str]:
    """Return what a text names and the repository has not."""
    paths = {name.rstrip("/.") for name in PATH.findall(text)} - NOT_OURS
    wrong = [name for name in sorted(paths) if not any(ROOT.glob(name)) and not any((ROOT / "tests").glob(name))]
    files = {name.strip("`") for name in FILE.findall(text)} - paths
    wrong += [name for name in sorted(files) if not any(f"/{each}".endswith(f"/{name}") for each in tracked())]
    dotted = {name for name in DOTTED.findall(text) if name not in settings()}
    return wrong + [name for name in sorted(dotted) if not is_module_or_member(name)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path, text: str) -> list[str]:
    """Return the relative links that lead nowhere: no such file, or no such heading in it."""
    broken = []
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if re.match(r"\w+:", link):
            continue
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(link)
    return broken


def prose(source: str) -> str:
    """Return the docstrings (also those below a value) and comments of a Python module."""
    texts = [
        node.value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join([*texts, *(token.string for token in tokens if token.type == tokenize.COMMENT)])


@pytest.mark.parametrize("page", OUR_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    """Pages name the present path of a module that was moved."""
    assert missing(page.read_text()) == []


@pytest.mark.parametrize("page", OUR_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """The file is there, and the heading in it."""
    assert broken_links(page, page.read_text()) == []


@pytest.mark.parametrize("folder", ["listener", "workers", "model_store", "deploy", "tests", "benchmarks"])
def test_what_docstrings_and_comments_name_is_there(folder: str) -> None:
    """Also in docstrings and comments that refer to other modules."""
    modules = [name for name in tracked() if name.startswith(f"{folder}/") and name.endswith(".py")]
    assert modules
    found = {name: missing(prose((ROOT / name).read_text())) for name in modules if name != "tests/docs/test_paths.py"}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_what_comments_of_other_files_name_is_there() -> None:
    """Compose, systemd, Kubernetes, rules, the Makefile and pyproject.toml have comments, too."""
    others = re.compile(r"^(deploy/.*\.(ya?ml|service|timer|target|conf)|deploy/Dockerfile|Makefile|pyproject\.toml)$")
    files = [name for name in tracked() if others.match(name)]
    assert len(files) > 20
    found = {
        name: missing("\n".join(re.findall(r"(?:^|\s)#(.*)$", (ROOT / name).read_text(), re.MULTILINE)))
        for name in files
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("see `workers/features/ring.py`", []),
        ("see `workers/features/rings.py`", ["workers/features/rings.py"]),
        ("copy deploy/compos", ["deploy/compos"]),
        ("`deploy/systemd/radtme*`", []),
        ("the folder `workers/feature/`", ["workers/feature"]),
        ("`test_killed_at_each_step.py`", []),
        ("`test_killed_at_no_step.py`", ["test_killed_at_no_step.py"]),
        ("`listener.max_associations`", []),
        ("`listener.max_asociations`", ["listener.max_asociations"]),
        ("`workers.limits.max_images`", []),
        ("`listener.scp.c_store`", []),
        ("`listener.scp.store`", ["listener.scp.store"]),
        ("`workers.features.ring.peritumoral`", ["workers.features.ring.peritumoral"]),
    ],
)
def test_a_wrong_name_is_found(text: str, wrong: list[str]) -> None:
    """The check can fail, in each of its forms."""
    assert missing(text) == wrong


def test_a_wrong_name_in_code_is_found() -> None:
    """In a docstring, below a value, and in a comment; not in the code itself."""
    source = '"""As `listener.no.where` does."""\nPATH = "deploy/nothing"\n"""In docs/no.md."""\n# workers/gone.py\n'
    assert missing(prose(source)) == ["docs/no.md", "workers/gone.py", "listener.no.where"]


@pytest.mark.parametrize(
    ("link", "broken"),
    [("docs/limits.md", False), ("docs/limit.md", True), ("SECURITY.md#reporting", False), ("SECURITY.md#gone", True)],
)
def test_a_wrong_link_is_found(link: str, broken: bool) -> None:
    """The file, and the heading."""
    assert broken_links(ROOT / "README.md", f"[there]({link})") == ([link] if broken else [])


def test_the_readme_lists_every_page() -> None:
    """No page can only be found by searching: README.md links to each page directly in docs/."""
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"docs/{page.name})" not in readme] == []
    assert len(readme.splitlines()) < 150
