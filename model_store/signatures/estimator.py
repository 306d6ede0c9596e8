"""A random forest as a file that can hold nothing but a random forest.

skops writes no pickle, but a schema that names the classes to build. Only the classes that a forest is made of are
allowed here, and the trees' node indices are checked before anything follows them: scikit-learn does not.

skops and scikit-learn are imported where a forest is read or written: a command that only asks which signature is
active starts faster.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from model_store.errors import UNREADABLE_ARCHIVE, SignatureError
from model_store.files import sha256_of
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


def from_skops(content: bytes) -> "RandomForestClassifier":
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
    except UNREADABLE_ARCHIVE as error:
        raise SignatureError(f"estimator.skops is not a skops file: {error}") from error
    if strange := sorted(_strange_types(schema)):
        raise SignatureError(
            f"estimator.skops would construct {', '.join(strange)}, which do not occur in a random forest: "
            "do not use this file"
        )
    import skops.io
    from sklearn.ensemble import RandomForestClassifier
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        estimator = skops.io.loads(content, trusted=["sklearn.tree._tree.Tree"])
    except (UntrustedTypesFoundException, *UNREADABLE_ARCHIVE) as error:
        raise SignatureError(
            f"estimator.skops cannot be read by this version of scikit-learn: {error}; "
            "install the versions that signature.json names, or build the signature again"
        ) from error
    if not isinstance(estimator, RandomForestClassifier):
        raise SignatureError(f"estimator.skops holds a {type(estimator).__name__}, not a RandomForestClassifier")
    _check_trees(estimator)
    return estimator


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


def _check_trees(estimator: "RandomForestClassifier") -> None:
    """Raise unless every tree's nodes point to later nodes of the same tree and to columns that exist."""
    columns = estimator.n_features_in_
    if list(estimator.classes_) != [0, 1] or not estimator.estimators_:
        raise SignatureError("estimator.skops is not a fitted forest for the classes 0 (cold) and 1 (hot)")
    for number, member in enumerate(estimator.estimators_):
        tree = member.tree_
        own = np.arange(tree.node_count)
        inner = tree.children_left != -1
        sound = (
            len(tree.children_left) == tree.node_count
            and tree.n_features == columns
            and np.array_equal(inner, tree.children_right != -1)
            and all(
                np.all((child[inner] > own[inner]) & (child[inner] < tree.node_count))
                for child in (tree.children_left, tree.children_right)
            )
            and np.all((tree.feature[inner] >= 0) & (tree.feature[inner] < columns))
        )
        if not sound:
            raise SignatureError(
                f"estimator.skops: tree {number} refers to a node outside the tree: do not use this file"
            )
