"""The registry: one pointer that is moved atomically while others read it, and back."""

import shutil
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from model_store.errors import SignatureError
from model_store.signatures.bundle import BundleContent, write_bundle
from model_store.signatures.registry import Activation, Registry, RegistryAction, rollback_chain


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Return an empty registry."""
    return Registry(tmp_path / "models")


def test_nothing_scores_before_activation(registry: Registry, bundle: Path) -> None:
    """An empty registry has no active signature, and says what to do; publishing alone activates nothing."""
    with pytest.raises(SignatureError, match="radtme signature activate"):
        registry.active()
    registry.publish(bundle)
    assert registry.current() is None
    assert registry.names() == [bundle.name]


def test_publishing_twice_is_publishing_once(registry: Registry, bundle: Path) -> None:
    """A bundle is found under its content: the second time nothing changes."""
    assert registry.publish(bundle) == registry.publish(bundle) == bundle.name
    published = registry.root / "bundles" / bundle.name
    assert {p.name: p.read_bytes() for p in published.iterdir()} == {p.name: p.read_bytes() for p in bundle.iterdir()}
    assert list((registry.root / "incoming").iterdir()) == []


def test_activation_is_seen_without_restart(registry: Registry, bundle: Path, next_bundle: Path) -> None:
    """A worker that has loaded one signature gets the other one at its next case, and the same object otherwise."""
    worker = Registry(registry.root)
    for path in (bundle, next_bundle):
        registry.publish(path)
    registry.activate(bundle.name)
    first = worker.active()
    assert first.name == bundle.name
    assert worker.active() is first
    registry.activate(next_bundle.name)
    assert worker.active().name == next_bundle.name


def test_rollback_goes_back_step_by_step(registry: Registry, bundle: Path, next_bundle: Path) -> None:
    """Each rollback returns to the previous signature, and the first one has none."""
    for path in (bundle, next_bundle):
        registry.publish(path)
    for path in (bundle, next_bundle, next_bundle, bundle):
        registry.activate(path.name)
    assert registry.rollback().name == next_bundle.name
    assert registry.rollback().name == bundle.name
    with pytest.raises(SignatureError, match="no earlier signature"):
        registry.rollback()
    assert registry.active().name == bundle.name


def test_history_tells_what_scored_when(registry: Registry, bundle: Path, next_bundle: Path) -> None:
    """Every move of the pointer is kept with its time in UTC."""
    for path in (bundle, next_bundle):
        registry.publish(path)
        registry.activate(path.name)
    registry.rollback()
    history = registry.history()
    assert [(move.name, move.action) for move in history] == [
        (bundle.name, RegistryAction.ACTIVATE),
        (next_bundle.name, RegistryAction.ACTIVATE),
        (bundle.name, RegistryAction.ROLLBACK),
    ]
    times = [datetime.fromisoformat(move.when) for move in history]
    assert times == sorted(times)
    assert all(time.utcoffset() == timedelta(0) for time in times)


def test_standing_follows_the_history() -> None:
    """What a rollback can go through is what was activated and not rolled back."""
    moves = [
        ("a", RegistryAction.ACTIVATE),
        ("b", RegistryAction.ACTIVATE),
        ("a", RegistryAction.ROLLBACK),
        ("c", RegistryAction.ACTIVATE),
    ]
    assert rollback_chain([Activation(name, "", "", action) for name, action in moves]) == ["a", "c"]


def test_damaged_bundle_is_neither_published_nor_activated(
    registry: Registry, bundle: Path, next_bundle: Path, tmp_path: Path
) -> None:
    """The pointer stays where it was when the next signature fails its check."""
    registry.publish(bundle)
    registry.activate(bundle.name)
    damaged = Path(shutil.copytree(next_bundle, tmp_path / next_bundle.name))
    (damaged / "roc.png").write_bytes(b"")
    with pytest.raises(SignatureError, match=r"roc\.png"):
        registry.publish(damaged)
    registry.publish(next_bundle)
    (registry.root / "bundles" / next_bundle.name / "canary.npz").write_bytes(b"")
    with pytest.raises(SignatureError, match=r"canary\.npz"):
        registry.activate(next_bundle.name)
    assert Registry(registry.root).active().name == bundle.name


def test_active_signature_that_was_damaged_is_refused(registry: Registry, bundle: Path) -> None:
    """A worker that starts on a damaged active signature scores nothing."""
    registry.publish(bundle)
    registry.activate(bundle.name)
    (registry.root / "bundles" / bundle.name / "estimator.skops").write_bytes(b"")
    with pytest.raises(SignatureError, match=r"estimator\.skops"):
        Registry(registry.root).active()


def test_one_version_has_one_content(
    registry: Registry, bundle: Path, bundle_content: BundleContent, tmp_path: Path
) -> None:
    """Two contents under the same id and version would make reports ambiguous: the second is refused."""
    registry.publish(bundle)
    content = bundle_content
    other = write_bundle(tmp_path, type(content)(**{**vars(content), "card": "another card"}))
    with pytest.raises(SignatureError, match="increase the version"):
        registry.publish(other)


def test_a_reference_must_name_exactly_one_signature(registry: Registry, bundle: Path, next_bundle: Path) -> None:
    """A signature is found by its name or the beginning of its digest; several or none are an error that lists them."""
    for path in (bundle, next_bundle):
        registry.publish(path)
    assert registry.find(bundle.name[-12:-4]) == bundle.name
    assert registry.find("test-signature-1.1") == next_bundle.name
    for reference in ("test-signature", "nothing", ""):
        with pytest.raises(SignatureError, match=bundle.name):
            registry.find(reference)


def test_unreadable_pointer_is_an_error_not_an_empty_registry(registry: Registry, bundle: Path) -> None:
    """A damaged pointer must not look like a first start."""
    registry.publish(bundle)
    (registry.root / "active.json").write_text("{")
    with pytest.raises(SignatureError, match=r"active\.json"):
        registry.current()


def _publish_and_activate(root: str, bundle: str, times: int) -> None:
    registry = Registry(Path(root))
    for _ in range(times):
        registry.activate(registry.publish(Path(bundle)))


def test_concurrent_writers_and_readers(registry: Registry, bundle: Path, next_bundle: Path) -> None:
    """Processes that publish and activate at once lose no move, and a reader never sees anything but a signature."""
    registry.publish(bundle)
    registry.activate(bundle.name)
    fork = get_context("fork")
    writers = [
        fork.Process(target=_publish_and_activate, args=(str(registry.root), str(path), 3))
        for path in (bundle, next_bundle)
    ]
    for writer in writers:
        writer.start()
    reader, seen = Registry(registry.root), set()
    while any(writer.is_alive() for writer in writers):
        seen.add(reader.active().name)
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(registry.history()) == 1 + 6
    assert seen <= {bundle.name, next_bundle.name}
    assert bundle.name in seen
    assert sorted(path.name for path in registry.root.iterdir()) == ["active.json", "bundles", "incoming", "lock"]


def test_registry_that_cannot_be_written_says_so(tmp_path: Path, bundle: Path) -> None:
    """A root that is a file is reported as such, not with a traceback."""
    (tmp_path / "models").write_text("")
    with pytest.raises(SignatureError, match="cannot be written"):
        Registry(tmp_path / "models").publish(bundle)
