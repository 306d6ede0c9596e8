"""Build hook: compiles the feature engine (workers/features/engine/source) into the module `_engine` at installation.

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
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("workers/features/engine")
FLAGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-g0", "-DNDEBUG"]


class EngineBuild(BuildHookInterface):
    """Compiles the extension module, and adds it to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel is packed; ``version`` is `editable` or `standard`."""
        if self.target_name != "wheel":
            return
        name = "_engine" + sysconfig.get_config_var("EXT_SUFFIX")
        self._scratch = tempfile.TemporaryDirectory()
        built = _compile(Path(self.root), Path(self._scratch.name))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version == "editable":
            # Replaced at once: a running process keeps the module that it has loaded.
            beside = Path(self.root, FOLDER, f".{name}")
            shutil.copy(built, beside)
            beside.replace(Path(self.root, FOLDER, name))
        else:
            build_data["force_include"][str(built)] = str(FOLDER / name)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what the compiler wrote."""
        if self.target_name == "wheel":
            self._scratch.cleanup()


def _compile(root: Path, scratch: Path) -> Path:
    import nanobind
    from setuptools import Distribution, Extension

    _require_compiler()
    nanobind_root = Path(nanobind.include_dir()).parent
    source = root / FOLDER / "source"
    extension = Extension(
        "_engine",
        [str(source / "module.cpp"), str(nanobind_root / "src" / "nb_combined.cpp")],
        include_dirs=[nanobind.include_dir(), str(nanobind_root / "ext" / "robin_map" / "include")],
        define_macros=[("ENGINE_SOURCES", f'"{sources_digest(source)}"')],
        extra_compile_args=FLAGS,
        extra_link_args=["-s"],
        language="c++",
    )
    command = Distribution({"name": "radtme-engine", "ext_modules": [extension]}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(scratch), str(scratch / "objects")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath("_engine"))


def sources_digest(folder: Path) -> str:
    """Return the SHA-256 of the engine's sources, which the module states."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _require_compiler() -> None:
    wanted = os.environ.get("CXX") or sysconfig.get_config_var("CXX") or "c++"
    compiler = shlex.split(wanted)[0]
    if shutil.which(compiler) is None:
        raise SystemExit(
            f"radtme's feature engine is compiled at installation, and the C++ compiler {compiler} is not installed. "
            "Debian has it in the package g++: apt-get install g++. Another compiler can be named: CXX=clang++"
        )
