"""The estimator file of a bundle holds a forest of scikit-learn and nothing else."""

import io
import zipfile
from pathlib import Path

import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier

from model_store.errors import SignatureError
from model_store.signatures.bundle import (
    BundleContent,
)
from model_store.signatures.estimator import from_skops, to_skops


def as_scikit_learn(content: bytes) -> RandomForestClassifier:
    """Return the forest of a skops file that this test wrote."""
    return skops.io.loads(content, trusted=["sklearn.tree._tree.Tree"])


def with_schema(content: bytes, change: tuple[str, str]) -> bytes:
    """Return a skops file with a text in its schema replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(*(text.encode() for text in change), 1) if name == "schema.json" else data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("module", "name"), [("posix", "system"), ("builtins", "eval"), ("numpy", "load"), ("sklearn.svm._classes", "SVC")]
)
def test_type_that_no_forest_is_made_of_is_refused(bundle: Path, module: str, name: str) -> None:
    """An estimator file can build a forest and nothing else; another type is named and nothing is built."""
    forged = with_schema(
        (bundle / "estimator.skops").read_bytes(),
        (
            '"__class__":"DecisionTreeClassifier","__module__":"sklearn.tree._classes"',
            f'"__class__":"{name}","__module__":"{module}"',
        ),
    )
    with pytest.raises(SignatureError, match=f"{module}.{name}"):
        from_skops(forged)


def test_unknown_loader_is_refused(bundle: Path) -> None:
    """The nodes of the file are of the kinds that a forest needs; a function by name is not among them."""
    forged = with_schema((bundle / "estimator.skops").read_bytes(), ('"ObjectNode"', '"FunctionNode"'))
    with pytest.raises(SignatureError, match="FunctionNode"):
        from_skops(forged)


def test_forest_that_was_read_is_written_with_the_same_bytes(bundle_content: BundleContent) -> None:
    """What memory held between fields must not show."""
    written = to_skops(bundle_content.estimator)
    assert to_skops(as_scikit_learn(written)) == written


def test_tree_that_points_outside_itself_is_refused(bundle_content: BundleContent) -> None:
    """A forged node number is not followed."""
    forest = as_scikit_learn(to_skops(bundle_content.estimator))
    tree = forest.estimators_[3].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 10**6
    tree.__setstate__(state)
    with pytest.raises(SignatureError, match="tree 3"):
        from_skops(to_skops(forest))


def test_pickle_and_text_are_refused(tmp_path: Path) -> None:
    """What is no skops file is refused as such."""
    for content in (b"\x80\x04\x95\x00", b"hello", b""):
        with pytest.raises(SignatureError, match="skops file"):
            from_skops(content)


def test_estimator_file_holds_no_training_case(bundle: Path) -> None:
    """The file does not carry what scikit-learn remembers of single cases."""
    assert "_sample_weight" not in vars(as_scikit_learn((bundle / "estimator.skops").read_bytes()))
