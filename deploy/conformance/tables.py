"""The tables of the Conformance Statement, from the presentation contexts that the code negotiates."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import TypeVar

from pydicom.uid import UID
from pynetdicom.presentation import PresentationContext

from listener.dicom.sop_classes import LABEL_MAP_SEGMENTATION_STORAGE

Member = TypeVar("Member", bound=Enum)
CONTEXT_COLUMNS = ("SOP class", "SOP class UID", "Transfer syntaxes", "Role", "Extended negotiation")
NEWER_NAMES: Mapping[str, str] = {LABEL_MAP_SEGMENTATION_STORAGE: "Label Map Segmentation Storage"}


def name_of(sop_class_uid: str) -> str:
    """Return the name of a SOP class, also of one that is newer than pydicom's dictionary."""
    return NEWER_NAMES.get(sop_class_uid) or UID(sop_class_uid).name


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"


def context_table(contexts: Iterable[PresentationContext], role: str | None = None) -> str:
    """Return the presentation contexts, one a line (PS3.2 annex A.4.2).

    ``role`` is our role; None derives it from the role that each context permits the peer.
    """
    rows = [
        (
            name_of(context.abstract_syntax or ""),
            context.abstract_syntax,
            "<br>".join(f"{UID(syntax).name} ({syntax})" for syntax in context.transfer_syntax),
            role or ("SCP" if context.scu_role else "SCU"),
            "None",
        )
        for context in contexts
    ]
    return table(CONTEXT_COLUMNS, rows)


def meanings(kind: type[Member]) -> dict[Member, str]:
    """Return the meaning of each member of an enum: the docstring below it in the source, else its name in words."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - the source of a class is a class
    said = {}
    for before, after in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(before, ast.Assign) and isinstance(after, ast.Expr):
            said[ast.unparse(before.targets[0])] = " ".join(str(ast.literal_eval(after.value)).split())
    words = {member: member.name.replace("_", " ").capitalize() for member in kind}
    return {member: said.get(member.name) or f"{words[member]}." for member in kind}
