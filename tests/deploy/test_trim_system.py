"""What the container image keeps of Debian: `deploy/trim-system` on roots that dpkg itself has made."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import deploy

SCRIPT = Path(deploy.__file__).with_name("trim-system")
PACKAGES: dict[str, tuple[dict[str, str], list[str]]] = {
    "base": ({"Pre-Depends": "awk"}, ["etc/os-release", "tmp/"]),
    "awk-one": ({"Provides": "awk"}, ["usr/bin/awk"]),
    "libc": ({"Multi-Arch": "same"}, ["usr/lib/any/libc.so", "usr/lib/any/gconv/latin.so"]),
    "shell": ({"Depends": "libc (>= 2.34), dpkg (>= 1.19)"}, ["usr/bin/sh", "etc/shared/shell.conf"]),
    "dpkg": ({"Depends": "tar"}, ["usr/bin/dpkg", "etc/shared/dpkg.conf"]),
    "tar": ({"Depends": "libc"}, ["bin/tar", "usr/share/tar/help/text"]),
    "python": ({"Depends": "libc | other-libc, shell:any"}, ["usr/bin/python"]),
}
"""Fields and files of each."""

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")


def dpkg(root: Path, *arguments: str) -> str:
    """Run dpkg on another root folder, without the rights of root."""
    folder = f"--admindir={root / 'var/lib/dpkg'}"
    common = ["dpkg", folder, f"--instdir={root}", "--force-not-root", "--force-depends", "--force-bad-path"]
    return subprocess.run(
        [*common, f"--log={root / 'log'}", *arguments], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root folder in which dpkg has installed ``PACKAGES``; /bin is a link, and no package has the users."""
    root = tmp_path / "root"
    for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/cache/debconf", "usr/bin"):
        (root / folder).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    (root / "var/lib/dpkg/status").touch()
    for name, (fields, files) in PACKAGES.items():
        tree = tmp_path / name
        (tree / "DEBIAN").mkdir(parents=True)
        head = {"Package": name, "Version": "1.0-1", "Architecture": native(), "Maintainer": "A <a@example.org>"}
        text = "".join(f"{key}: {value}\n" for key, value in (head | fields).items())
        (tree / "DEBIAN/control").write_text(f"{text}Description: for a test\n More of it.\n")
        for file in files:
            path = tree / file
            (path if file.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if not file.endswith("/"):
                path.write_text(name)
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, tmp_path / f"{name}.deb"], check=True)
    dpkg(root, "--install", *(str(tmp_path / f"{name}.deb") for name in PACKAGES))
    (root / "etc/passwd").write_text("radtme:x:10001:10001::/var/lib/radtme:/usr/sbin/nologin\n")
    return root


def native() -> str:
    """Return the architecture that dpkg installs here."""
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def trim(root: Path, *wanted: str) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    return subprocess.run([sys.executable, SCRIPT, root, *wanted], capture_output=True, text=True)


def files(root: Path) -> set[str]:
    """Return all files outside dpkg's own folder."""
    found = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    return {path for path in found if not path.startswith(("var/lib/dpkg/", "log"))}


def test_what_is_wanted_stays_with_all_that_it_needs_to_run(root: Path) -> None:
    """Dependencies are followed, alternatives and virtual packages too; what only installs packages is none."""
    ran = trim(root, "base", "python")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert files(root) == {
        "etc/os-release",
        "etc/passwd",
        "etc/shared/shell.conf",
        "usr/bin/awk",
        "usr/bin/python",
        "usr/bin/sh",
        "usr/lib/any/libc.so",
    }
    assert (root / "tmp").is_dir()
    assert not (root / "usr/share").exists()
    assert (root / "bin/sh").read_text() == "shell"


def test_scanners_find_the_packages_that_are_left(root: Path) -> None:
    """They read what dpkg reads: its own query then lists the packages with versions and files."""
    trim(root, "base", "python")
    admin = f"--admindir={root / 'var/lib/dpkg'}"
    command = ["dpkg-query", admin, "--show", "--showformat", "${Package} ${Version} ${Status}\n"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert listed == [f"{name} 1.0-1 install ok installed" for name in ("awk-one", "base", "libc", "python", "shell")]
    of_shell = subprocess.run(["dpkg-query", admin, "--listfiles", "shell"], capture_output=True, text=True, check=True)
    assert "/usr/bin/sh" in of_shell.stdout.splitlines()
    assert dpkg(root, "--verify", "shell", "base", "awk-one", "python") == ""


def test_state_of_installing_and_conversions_of_the_c_library_go(root: Path) -> None:
    """Caches and lists of package tools, and gconv, whose files belong to a package that stays."""
    trim(root, "libc", "awk-one")
    assert files(root) == {"etc/passwd", "usr/bin/awk", "usr/lib/any/libc.so"}
    assert not (root / "var/cache/debconf").exists()
    assert not (root / "usr/lib/any/gconv").exists()


def test_a_package_that_is_not_installed_is_named_and_nothing_removed(root: Path) -> None:
    """A base image without one of them would otherwise give an image that fails later."""
    before = files(root)
    ran = trim(root, "base", "tzdata")
    assert ran.returncode != 0
    assert "tzdata" in ran.stderr
    assert files(root) == before
