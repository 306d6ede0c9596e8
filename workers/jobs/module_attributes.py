"""highdicom's table of the Attributes of each Module (PS3.3), of which a process reads only what it is asked for."""

import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from highdicom import _standard_utils
from pydicom.uid import UID

NAME_FOLLOWS = '\n  "'
"""Stands before the name of each Module in the file, and nowhere else: what a Module contains is indented further."""


class ModuleAttributes(Mapping[str, list[dict[str, Any]]]):
    """The Attributes of each Module by its name; a Module is read at its first use.

    Parameters
    ----------
    text
        Content of the file, indented by two spaces, in ASCII.
    """

    def __init__(self, text: str) -> None:
        self._places = dict(_places(text))
        self.read: dict[str, list[dict[str, Any]]] = {}
        """Those that were read."""
        # Stays open for the life of the process: an update of highdicom meanwhile changes nothing of it.
        with as_file(files("highdicom") / "_standard/module_attribute_map.json") as path, path.open("rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __getitem__(self, module: str) -> list[dict[str, Any]]:
        """Return the Attributes of a Module: keyword, Type and path of each, as highdicom lists them."""
        if module not in self.read:
            self.read[module] = json.loads(self._content[self._places[module]])
        return self.read[module]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _places(text: str) -> Iterator[tuple[str, slice]]:
    begins, begin = [], text.find(NAME_FOLLOWS)
    while begin >= 0:
        begins.append(begin)
        begin = text.find(NAME_FOLLOWS, begin + 1)
    for begin, end in pairwise([*begins, text.rindex("}")]):
        name_end = text.index('": ', begin)
        yield text[begin + len(NAME_FOLLOWS) : name_end], slice(name_end + len('": '), end - 1)


def load_module_attributes(sop_classes: Sequence[UID]) -> None:
    """Let highdicom read each Module at its first use, and those of the IODs of these SOP classes now.

    By itself it reads the whole file when a process creates its first object: 436 Modules take 0.3 s and 66 MiB, and
    a segmentation and its source images need 37 of them.
    """
    _standard_utils.json = SimpleNamespace(loads=table_in)  # type: ignore[attr-defined, assignment]
    try:
        table = _standard_utils.get_module_attribute_map()  # keeps what it returns
    finally:
        _standard_utils.json = json  # type: ignore[attr-defined]
    iods = _standard_utils.get_sop_class_iod_map()
    modules = _standard_utils.get_iod_module_map()
    for sop_class in sop_classes:
        for module in modules[iods[sop_class]]:
            table[module["key"]]


def table_in(text: str) -> Mapping[str, Any]:
    """Return the content of the file; read to its end where another release of highdicom writes it otherwise."""
    is_known = text.isascii() and text.startswith("{" + NAME_FOLLOWS)
    return ModuleAttributes(text) if is_known else json.loads(text)
