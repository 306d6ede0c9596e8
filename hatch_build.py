"""Build hook: compiles the extension modules (`EXTENSIONS`) from the folders `source` beside them, at installation.

An editable installation compiles next to the Python sources, a wheel into a temporary folder. The compiler is the one
that setuptools chooses for this Python, or the one that CXX names. The flags do not depend on the processor of the
build machine, and keep the compiler from fusing operations: the values are to be the same on every machine.
"""

import hashlib
import os
import shlex
import shutil
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-g0", "-DNDEBUG"]


@dataclass(frozen=True)
class ExtensionModule:
    """A module in C++, of one source file and its headers."""

    folder: str
    """Of the package that it belongs to; the sources lie in its folder `source`."""
    name: str
    uses_nanobind: bool = False

    @property
    def source(self) -> Path:
        """The folder of its sources, below the root of the repository."""
        return Path(self.folder, "source")


EXTENSIONS = (
    ExtensionModule("workers/features/engine", "_engine", uses_nanobind=True),
    ExtensionModule("workers/images", "_plain_header"),
)
"""The feature engine, and the reader of headers."""


class ExtensionsBuild(BuildHookInterface):
    """Compiles the extension modules, and adds them to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel is packed; ``version`` is `editable` or `standard`."""
        if self.target_name != "wheel":
            return
        self._scratch = tempfile.TemporaryDirectory()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        _require_compiler()
        for extension in EXTENSIONS:
            name = extension.name + sysconfig.get_config_var("EXT_SUFFIX")
            built = _compile(extension, Path(self.root), Path(self._scratch.name, extension.name))
            if version == "editable":
                # Replaced at once: a running process keeps the module that it has loaded.
                beside = Path(self.root, extension.folder, f".{name}")
                shutil.copy(built, beside)
                beside.replace(Path(self.root, extension.folder, name))
            else:
                build_data["force_include"][str(built)] = f"{extension.folder}/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the compiler wrote."""
        if self.target_name == "wheel":
            self._scratch.cleanup()


def _compile(module: ExtensionModule, root: Path, scratch: Path) -> Path:
    import nanobind
    from setuptools import Distribution, Extension

    source = root / module.source
    sources, include_dirs = [str(source / "module.cpp")], []
    if module.uses_nanobind:
        nanobind_root = Path(nanobind.include_dir()).parent
        sources.append(str(nanobind_root / "src" / "nb_combined.cpp"))
        include_dirs += [nanobind.include_dir(), str(nanobind_root / "ext" / "robin_map" / "include")]
    extension = Extension(
        module.name,
        sources,
        include_dirs=include_dirs,
        define_macros=[("SOURCES", f'"{sources_digest(source)}"')],
        extra_compile_args=FLAGS,
        extra_link_args=["-s"],
        language="c++",
    )
    command = Distribution({"name": "radtme-extensions", "ext_modules": [extension]}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(scratch), str(scratch / "objects")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(module.name))


def sources_digest(folder: Path) -> str:
    """Return the SHA-256 of a module's sources, which the module states."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _require_compiler() -> None:
    wanted = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"
    compiler = shlex.split(wanted)[0]
    if shutil.which(compiler) is None:
        raise SystemExit(
            f"radtme's C++ modules are compiled at installation, and the C++ compiler {compiler} is not installed. "
            "Debian has it in the package g++: apt-get install g++. Another compiler can be named: CXX=clang++"
        )
