"""Every module can be the first that a process imports."""

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("listener", "workers", "model_store", "deploy")


def imports() -> dict[str, set[str]]:
    """Return the modules that each of our modules imports."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def test_no_module_imports_itself_through_others() -> None:
    """In a cycle, what works depends on which of its modules a command happens to import first."""
    found = imports()
    assert len(found) > 300
    TopologicalSorter(found).prepare()


def test_a_cycle_is_found() -> None:
    """The check can fail."""
    cycle = {"listener.dicom.uids": {"listener.listener"}}
    with pytest.raises(CycleError):
        TopologicalSorter(imports() | cycle).prepare()
