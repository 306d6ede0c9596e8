"""Targets that the main process puts, and every process gets."""

from dataclasses import fields
from pathlib import Path

from listener.settings import ClientTls
from workers.results.result_roles import Fallback, ResultRole
from workers.targets.current_targets import CurrentTargets
from workers.targets.result_filter import ResultFilter, Verdict
from workers.targets.target import Proof, Target, TargetKind

TLS = ClientTls(Path("ca"), Path("certificate"), Path("key"), Path("password"), check_hostname=False)
FULL = Target(
    "pacs",
    "PACS",
    "host",
    104,
    frozenset({ResultRole.KEY_IMAGE, ResultRole.SEGMENTATION}),
    1.5,
    Fallback.NONE,
    Proof.SEEN,
    2.5,
    3.5,
    TLS,
    TargetKind.DICOMWEB,
    "https://pacs/dicom-web",
    Path("token"),
    "user",
    Path("word"),
    ResultFilter((Verdict.HOT,), senders=("MR1",)),
)


def test_every_setting_of_a_target_survives(tmp_path: Path) -> None:
    """Each field differs from its default here, so a new one that is forgotten is seen."""
    plain = Target("")
    assert [one.name for one in fields(Target) if getattr(FULL, one.name) == getattr(plain, one.name)] == []
    assert [one.name for one in fields(TLS) if getattr(TLS, one.name) == one.default] == []
    for target in (FULL, plain):
        CurrentTargets(tmp_path / "targets.json", ()).put([target])
        (read,) = CurrentTargets(tmp_path / "targets.json", ()).get()
        assert read == target
        kinds = [type(getattr(read, one.name)) for one in fields(Target)]
        assert kinds == [type(getattr(target, one.name)) for one in fields(Target)], "text equals an enum, and is none"


def test_what_one_copy_puts_the_others_get(tmp_path: Path) -> None:
    """Also a second time, and also after the file has gone with the process that put it."""
    file = tmp_path / "targets.json"
    mine, theirs = CurrentTargets(file, [FULL]), CurrentTargets(file, [FULL])
    assert theirs.get() == (FULL,)
    for name in ("a", "b"):
        mine.put([Target(name)])
        assert theirs.get() == mine.get() == (Target(name),)
    file.unlink()
    assert theirs.get() == (Target("b"),)
