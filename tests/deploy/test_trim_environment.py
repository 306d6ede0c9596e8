"""What the container image leaves out: `deploy/trim-environment` on folders like those that wheels make."""

import importlib.machinery
import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import highdicom
import pytest

import deploy

SCRIPT = Path(deploy.__file__).with_name("trim-environment")
SOURCE = "int answer(void) { return 42; }\n"


@pytest.fixture(scope="module")
def trim() -> ModuleType:
    """Return the script as a module; it has no suffix, so its loader is named."""
    loader = importlib.machinery.SourceFileLoader("trim_environment", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a shared library with symbols for debuggers."""
    (tmp_path / "answer.c").write_text(SOURCE)
    path = tmp_path / "package" / "libanswer.so.1.0"
    path.parent.mkdir()
    subprocess.run(["gcc", "-g3", "-shared", "-fPIC", "-o", path, tmp_path / "answer.c"], check=True)
    return path


def sections(library: Path) -> str:
    """Return what binutils says of a library's sections."""
    return subprocess.run(["readelf", "--sections", library], capture_output=True, text=True, check=True).stdout


def test_tests_and_sources_of_extensions_go_and_python_stays(trim: ModuleType, tmp_path: Path) -> None:
    """Tests may stand inside tests; data and stubs are no sources of extensions."""
    gone = (
        "one/tests/test_one.py",
        "one/tests/tests/data.dcm",
        "one/data/test_files/more/CT.dcm",
        "one/include/one.h",
        "one/_one.pyx",
    )
    stays = ("one/__init__.py", "one/_one.pyi", "one/data.json", "one/testing.py")
    for name in (*gone, *stays):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    trim.remove_tests(tmp_path)
    trim.remove_sources_of_extensions(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == set(stays)


def test_compiled_programs_go_with_the_scripts_that_start_them(trim: ModuleType, library: Path, tmp_path: Path) -> None:
    """GDCM's wheel brings 14 programs; libraries, links to them and every script without such a program stay."""
    package, scripts = library.parent, tmp_path / "bin"
    scripts.mkdir()
    program = package / "answer"
    subprocess.run(["gcc", "-o", program, "-xc", "-"], input="int main(void) { return 42; }", text=True, check=True)
    (package / "libanswer.so").symlink_to(library.name)
    for path in (scripts / "answer", scripts / "radtme", package / "table.json", package / "empty"):
        path.touch()
    trim.remove_programs(package, scripts)
    assert {path.name for path in package.iterdir()} == {library.name, "libanswer.so", "table.json", "empty"}
    assert [path.name for path in scripts.iterdir()] == ["radtme"]


def test_large_tables_say_the_same_in_fewer_bytes(trim: ModuleType, tmp_path: Path) -> None:
    """Keys keep their order, and letters stay letters; a small file is not touched."""
    table = {f"Größe {number}": [number, {"path": ["ä", None, 0.1]}] for number in range(20_000)}
    large, small = tmp_path / "large.json", tmp_path / "small.json"
    large.write_text(json.dumps(table, indent=2, ensure_ascii=False), encoding="utf-8")
    small.write_text('{ "a": 1 }')
    before = large.stat().st_size
    trim.pack_tables(tmp_path)
    assert list(json.loads(large.read_text(encoding="utf-8")).items()) == list(table.items())
    assert large.stat().st_size < before / 2
    assert small.read_text() == '{ "a": 1 }'


def test_names_of_one_library_become_links_to_it(trim: ModuleType, library: Path) -> None:
    """Each name still leads to the same bytes; another library beside them is left alone."""
    content = library.read_bytes()
    names = [library.with_name(name) for name in ("libanswer.so", "libanswer.so.1")]
    for name in names:
        shutil.copy(library, name)
    other = library.with_name("libother.so")
    other.write_bytes(content + b"\0")
    trim.link_equal_libraries(library.parent)
    assert [name.is_symlink() for name in (*names, library, other)] == [True, True, False, False]
    assert {name.read_bytes() for name in names} == {content}


def test_symbols_go_and_what_is_loaded_stays(trim: ModuleType, library: Path) -> None:
    """The library has no debug sections any more, keeps its mode, and gives the same answer."""
    mode = library.stat().st_mode
    assert ".debug_info" in sections(library)
    trim.strip_libraries(library.parent)
    assert ".debug_info" not in sections(library)
    assert library.stat().st_mode == mode
    assert [path.name for path in library.parent.iterdir()] == [library.name]
    ask = f"import ctypes; print(ctypes.CDLL({str(library)!r}).answer())"
    assert subprocess.run(["python3", "-c", ask], capture_output=True, text=True, check=True).stdout == "42\n"


def test_a_library_that_strip_would_lay_out_anew_is_left_as_it_is(
    trim: ModuleType, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stripping what patchelf has changed moves or fills what is loaded: here a strip that changes one loaded byte."""
    before = library.read_bytes()
    at = before.index((42).to_bytes(4, "little"), 64)
    tools = library.parents[1] / "tools"
    tools.mkdir()
    program = tools / "strip"
    change = f"data = bytearray(open(sys.argv[4], 'rb').read()); data[{at}] ^= 1; del data[-64:]"
    program.write_text(f"#!/usr/bin/env python3\nimport sys\n{change}\nopen(sys.argv[3], 'wb').write(data)\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    trim.strip_libraries(library.parent)
    assert library.read_bytes() == before
    assert [path.name for path in library.parent.iterdir()] == [library.name]


def test_an_equal_library_of_another_package_becomes_a_link(trim: ModuleType, library: Path) -> None:
    """NumPy and SciPy each bring the same libgfortran; another name in another package stays a file."""
    again, other = library.parents[1] / "other" / library.name, library.parents[1] / "other" / "libother.so"
    again.parent.mkdir()
    for copy in (again, other):
        shutil.copy(library, copy)
    trim.link_equal_libraries(library.parents[1])
    assert [path.is_symlink() for path in (again, library, other)] == [False, True, False]
    assert library.samefile(again)


def test_what_is_not_reached_goes_and_a_pattern_without_files_ends_the_build(
    trim: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pattern that matches nothing belongs to another version of its library."""
    monkeypatch.setattr(trim, "NOT_REACHED", ("one/data", "one/lib*.so"))
    for name in ("one/data/table.csv", "one/libavif.so", "one/kept.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    trim.remove_unreached(tmp_path)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["kept.py"]
    with pytest.raises(SystemExit, match="one/data"):
        trim.remove_unreached(tmp_path)


def test_the_python_lexer_stays_where_those_of_other_languages_go(trim: ModuleType, tmp_path: Path) -> None:
    """A traceback in a console log is coloured with it."""
    names = ("__init__.py", "_mapping.py", "python.py", "pascal.py", "sql.py")
    folder = tmp_path / "pygments" / "lexers"
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    for pattern in (one for one in trim.NOT_REACHED if one.startswith("pygments")):
        for path in tmp_path.glob(pattern):
            path.unlink()
    assert {path.name for path in folder.iterdir()} == {"__init__.py", "_mapping.py", "python.py"}


def test_the_attribute_table_keeps_the_root_of_every_module(trim: ModuleType, tmp_path: Path) -> None:
    """Nested attributes stay for modules of what radtme writes or measures only."""
    standard = Path(highdicom.__file__).with_name("_standard")
    for name in ("iod_module_map.json", "module_attribute_map.json"):
        shutil.copy(standard / name, tmp_path / name)
    path = tmp_path / "module_attribute_map.json"
    before = json.loads(path.read_text())
    trim.shorten_attribute_table(tmp_path)
    after = json.loads(path.read_text())
    kept = "segmentation-multi-frame-functional-groups", "enhanced-mr-image-multi-frame-functional-groups", "patient"
    assert list(after) == list(before)
    assert all(after[name] == before[name] for name in kept)
    for name, rows in before.items():
        root = [row for row in rows if not row["path"]]
        assert [row for row in after[name] if not row["path"]] == root
    assert after["inventory"] == [row for row in before["inventory"] if not row["path"]]
    assert path.stat().st_size < (standard / path.name).stat().st_size / 2
