"""No module of this project unpickles data."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("listener", "workers", "model_store", "deploy", "benchmarks")
UNPICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "jsonpickle", "marshal", "shelve", "torch"}
LOADERS = {"read_pickle", "to_pickle", "unsafe_load", "full_load", "UnsafeLoader", "FullLoader"}
"""Of pandas and PyYAML."""
EXECUTORS = {"eval", "exec", "compile"}


def names_in(node: ast.AST) -> list[str]:
    """Return the dotted names that a node of the syntax tree brings in or uses."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [ast.unparse(node)] if isinstance(node, ast.Attribute) else []


def is_harmful(name: str) -> bool:
    """Return whether a dotted name unpickles."""
    first, last = name.split(".")[0], name.split(".")[-1]
    return first in UNPICKLERS or last in LOADERS or name in ("joblib.load", "joblib.dump")


def is_harmful_call(call: ast.Call) -> bool:
    """Return whether a call runs text, or lets NumPy unpickle."""
    if isinstance(call.func, ast.Name) and call.func.id in EXECUTORS:
        return True
    flags = [keyword.value for keyword in call.keywords if keyword.arg == "allow_pickle"]
    return any(not isinstance(flag, ast.Constant) or flag.value is not False for flag in flags)


def offences(source: str) -> list[str]:
    """Return what in a module could unpickle or run what it reads."""
    nodes = list(ast.walk(ast.parse(source)))
    calls = [ast.unparse(node) for node in nodes if isinstance(node, ast.Call) and is_harmful_call(node)]
    return [*calls, *(name for node in nodes for name in names_in(node) if is_harmful(name))]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_unpickles(package: str) -> None:
    """No pickle and what stands on it, no evaluation of text."""
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    found = {str(path.relative_to(ROOT)): offences(path.read_text()) for path in modules}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from dill import loads",
        "import joblib\njoblib.load(x)",
        "from joblib import load",
        "np.load(x, allow_pickle=True)",
        "np.load(x, allow_pickle=flag)",
        "pd.read_pickle(x)",
        "import torch.serialization",
        "yaml.load(x, Loader=yaml.UnsafeLoader)",
        "eval(x)",
    ],
)
def test_the_search_finds_what_it_looks_for(source: str) -> None:
    """Each way to do it is seen."""
    assert offences(source)
    assert not offences("import json\nnp.load(x, allow_pickle=False)\nimport joblib\njoblib.hash(x)\nre.compile(x)")
