"""highdicom's table of the Attributes of each Module, read in parts."""

import json
import pkgutil
import subprocess
import sys

import pytest
from pydicom.uid import SegmentationStorage

from workers.jobs.module_attributes import ModuleAttributes, table_in


@pytest.fixture(scope="module")
def text() -> str:
    """Return the content of highdicom's file."""
    content = pkgutil.get_data("highdicom", "_standard/module_attribute_map.json")
    assert content is not None
    return content.decode()


def test_each_module_has_the_attributes_that_the_file_gives_it(text: str) -> None:
    """The whole table, in the order of the file, with the last Module and no other key."""
    expected = json.loads(text)
    table = table_in(text)
    assert isinstance(table, ModuleAttributes)
    assert list(table) == list(expected)
    assert len(table) == len(expected)
    assert all(table[module] == attributes for module, attributes in expected.items())
    assert "no-module" not in table
    with pytest.raises(KeyError):
        table["no-module"]


def test_a_module_is_read_when_it_is_asked_for(text: str) -> None:
    """Once: both callers get the same list."""
    table = table_in(text)
    assert isinstance(table, ModuleAttributes)
    assert not table.read
    assert table["sop-common"] is table["sop-common"]
    assert list(table.read) == ["sop-common"]


@pytest.mark.parametrize("form", [{}, {"indent": 4}, {"indent": 1}, {"indent": 2, "ensure_ascii": False}])
def test_a_file_in_another_form_is_read_whole(form: dict[str, int | bool]) -> None:
    """A later release of highdicom may write it so."""
    content = {"patient": [{"keyword": "Patient\u2019sName", "type": "2", "path": []}], "sop-common": []}
    assert table_in(json.dumps(content, **form)) == content  # type: ignore[arg-type]


LOADED = f"""
import json
from highdicom import _standard_utils as tables
from workers.jobs.module_attributes import load_module_attributes

load_module_attributes(["{SegmentationStorage}"])
table = tables.get_module_attribute_map()
expected = [one["key"] for one in tables.get_iod_module_map()["segmentation"]]
found = tables.is_attribute_in_iod("SegmentSequence", "{SegmentationStorage}")
print(list(table.read) == expected, tables.json is json, found)
"""


def test_highdicom_uses_the_table() -> None:
    """The Modules of the given IODs are there; files that highdicom reads later are read as before."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3
