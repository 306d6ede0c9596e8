"""A random forest as a file that can hold nothing but a random forest.

skops writes no pickle, but a schema that names the classes to build. Only the classes that a forest is made of are
allowed here. The schema and its arrays are read without skops and scikit-learn, which take seconds to import; both are
imported where a forest is written.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model_store.errors import UNREADABLE_ARCHIVE, SignatureError
from model_store.files import sha256_of
from model_store.signatures.forest import Forest, forest_of
from model_store.signatures.numpy_archive import check_arrays

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

ALLOWED_TYPES = frozenset(
    {
        "builtins.dict",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "numpy.int64",
        "numpy.ndarray",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._tree.Tree",
    }
)
ALLOWED_LOADERS = frozenset(
    {"DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "TreeNode", "TupleNode", "TypeNode"}
)
_SCHEMA = "schema.json"
_MAX_BYTES = 64 * 1024**2
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def to_skops(estimator: "RandomForestClassifier") -> bytes:
    """Return the forest as a skops file; the same forest gives the same bytes.

    skops names its members after memory addresses and stamps them with the clock; both are replaced here, and equal
    members are stored once. Between the fields of a tree's nodes scikit-learn leaves memory as it was: it is zeroed.
    """
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(_without_cases(estimator)))) as archive:
        schema = json.loads(archive.read(_SCHEMA))
        members = {name: _without_padding(archive.read(name)) for name in archive.namelist() if name != _SCHEMA}
    new_ids: dict[int, int] = {}
    new_names = {name: f"{sha256_of(content)[:16]}.npy" for name, content in members.items()}
    for node in _nodes(schema):
        if "__id__" in node:
            node["__id__"] = new_ids.setdefault(node["__id__"], len(new_ids) + 1)
        if "file" in node:
            node["file"] = new_names[node["file"]]
    stored = {new_names[name]: content for name, content in members.items()}
    stored[_SCHEMA] = json.dumps(schema, separators=(",", ":")).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(stored):
            info = zipfile.ZipInfo(name, _NO_TIME)
            archive.writestr(info, stored[name], zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def from_skops(content: bytes) -> Forest:
    """Read a forest back.

    Raises
    ------
    SignatureError
        The file names a type that a forest is not made of, or its trees point outside themselves.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > _MAX_BYTES:
                raise SignatureError(
                    "estimator.skops unpacks to more than 64 MiB: a radtme forest is smaller: do not use this file"
                )
            check_arrays(archive)
            schema = json.loads(archive.read(_SCHEMA))
            if strange := sorted(_strange_types(schema)):
                raise SignatureError(
                    f"estimator.skops would construct {', '.join(strange)}, which do not occur in a random forest: "
                    "do not use this file"
                )
            return _read(archive, schema)
    except UNREADABLE_ARCHIVE as error:
        raise SignatureError(f"estimator.skops is not a skops file of a random forest: {error}") from error


def _read(archive: zipfile.ZipFile, schema: dict[str, Any]) -> Forest:
    if schema["__class__"] != "RandomForestClassifier":
        raise SignatureError(f"estimator.skops holds a {schema['__class__']}, not a RandomForestClassifier")
    attributes = _attributes(schema)
    members = [_attributes(member) for member in attributes["estimators_"]["content"]]
    if _array(archive, attributes["classes_"]).tolist() != [0, 1] or not members:
        raise SignatureError("estimator.skops is not a fitted forest for the classes 0 (cold) and 1 (hot)")
    states = [member["tree_"]["content"]["content"] for member in members]
    trees = [(_array(archive, state["nodes"]), _array(archive, state["values"])) for state in states]
    return forest_of(int(json.loads(attributes["n_features_in_"]["content"])), trees)


def _attributes(node: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of an object in a skops schema."""
    attributes: dict[str, Any] = node["content"]["content"]
    return attributes


def _array(archive: zipfile.ZipFile, node: dict[str, Any]) -> NDArray[Any]:
    found: NDArray[Any] = np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
    return found


def _without_cases(estimator: "RandomForestClassifier") -> "RandomForestClassifier":
    """Return the forest without attributes that refer to single training cases."""
    from sklearn.ensemble import RandomForestClassifier

    bare = RandomForestClassifier()
    bare.__dict__.update({name: value for name, value in vars(estimator).items() if name != "_sample_weight"})
    return bare


def _without_padding(content: bytes) -> bytes:
    """Return an array's file with zeros wherever its records hold no field."""
    found = np.load(io.BytesIO(content), allow_pickle=False)
    if found.dtype.names is None:
        return content
    clean = np.zeros(found.shape, found.dtype)
    for name in found.dtype.names:
        clean[name] = found[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Return every JSON object inside a value, outer ones first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item)


def _strange_types(schema: Any) -> set[str]:
    """Return the types and loaders in a skops schema that a forest does not need."""
    strange = set()
    for node in _nodes(schema):
        if "__class__" in node or "__module__" in node:
            name = f"{node.get('__module__')}.{node.get('__class__')}"
            if name not in ALLOWED_TYPES:
                strange.add(name)
        if "__loader__" in node and node["__loader__"] not in ALLOWED_LOADERS:
            strange.add(str(node["__loader__"]))
    return strange
