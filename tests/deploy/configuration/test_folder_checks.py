"""Whether the data folders can be written is tried, not guessed from access rights."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.configuration.folder_checks import unusable_folders
from deploy.configuration.load import load_configuration
from support.mounts import read_only, tmpfs


def why_unusable(folder: Path) -> str:
    """Return what is wrong with this data folder; empty where it can be used."""
    found = dict(unusable_folders(load_configuration(None, {"RADTME_DATA": str(folder)})))
    assert set(found) <= {"data"}, "the folders below a bad one are the same fault"
    return found.get("data", "")


def test_a_folder_that_exists_or_can_be_made_is_fine_and_nothing_is_left(tmp_path: Path) -> None:
    """The trial leaves no trace."""
    assert why_unusable(tmp_path) == ""
    assert why_unusable(tmp_path / "a" / "b") == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc")
def test_a_file_system_that_takes_no_folders_is_found_also_by_root(tmp_path: Path) -> None:
    """/proc may be written according to its access rights."""
    assert why_unusable(Path("/proc/nope")).startswith("/proc/nope cannot be made in /proc by user ")


def test_a_file_or_a_broken_link_in_the_way_is_named(tmp_path: Path) -> None:
    """With the path that is in the way."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert why_unusable(tmp_path / "file" / "data").endswith(f"cannot be a folder: {tmp_path / 'file'} is a file")
    assert why_unusable(tmp_path / "link" / "data").endswith(f": {tmp_path / 'link'} is a link to nothing")


def test_a_read_only_disk_is_found(tmp_path: Path) -> None:
    """Root may write it, according to its access rights."""
    with tmpfs(tmp_path / "disk"):
        (tmp_path / "disk" / "data").mkdir()
        with read_only(tmp_path / "disk"):
            assert why_unusable(tmp_path / "disk" / "data").endswith(": read-only file system")
            assert "cannot be made in" in why_unusable(tmp_path / "disk" / "new")


def test_a_full_disk_is_found(tmp_path: Path) -> None:
    """One that has no block left, though a folder can still be made."""
    with tmpfs(tmp_path / "disk", "size=64k"):
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "disk" / "fill").write_bytes(bytes(1 << 20))
        assert why_unusable(tmp_path / "disk" / "data").endswith(": no space left on device")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv")
def test_a_folder_without_permission_is_found(tmp_path: Path) -> None:
    """As an unprivileged user, or as root without capabilities."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    code = (
        "import sys; from pathlib import Path; from deploy.configuration import folder_checks as checks;"
        "print(checks.why_unusable(Path(sys.argv[1])))"
    )
    rights = "-dac_override,-dac_read_search"
    prefix = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"] if os.geteuid() == 0 else []
    for folder, words in ((closed, "cannot be written"), (closed / "new", "cannot be made in")):
        done = subprocess.run(
            [*prefix, sys.executable, "-P", "-c", code, str(folder)], capture_output=True, text=True, check=True
        )
        assert words in done.stdout
        assert done.stdout.strip().endswith(": permission denied")
