"""Frequent mistakes that YAML or pydicom report in unclear words: units, tabs, encodings."""

import os
from pathlib import Path

import pytest

from deploy.configuration.load import ConfigurationError, find_configuration, load_configuration
from deploy.configuration.settings import Configuration
from deploy.errors import WrongUsage


def read(folder: Path, content: str | bytes, **environment: str) -> Configuration:
    """Return the configuration of a file with this content."""
    file = folder / "radtme.yaml"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_configuration(file, environment)


def test_numbers_may_carry_a_unit(tmp_path: Path) -> None:
    """In the unit of the setting, in file and environment."""
    text = """
    listener: {deadline_seconds: 6h, min_free_bytes: 2GiB, settle_seconds: 1.5 min}
    retention: {studies_days: 48h}
    """
    found = read(tmp_path, text, RADTME_WORKERS_MAX_JOB_MEMORY_BYTES="3GB")
    assert found.listener.deadline_seconds == 6 * 3600
    assert found.listener.min_free_bytes == 2 * 1024**3
    assert found.listener.settle_seconds == 90
    assert found.retention.studies_days == 2
    assert found.workers.max_job_memory_bytes == 3_000_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("listener: {deadline_seconds: 6 hours}", "or a time such as 90s, 10min, 6h or 2d, found '6 hours'"),
        ("listener: {min_free_bytes: 2h}", "or a size such as 2GiB, found '2h'"),
        ("listener: {port: 2k}", "expected a whole number, found '2k'"),
        ("data: x\n---\ndata: y\n", ":2: begins a second YAML document (---); keep one"),
        ("# " + "x" * 1_048_575, "has more than 1048576 bytes; expected a configuration file"),
        ("listener:\n\tport: 104\n", ":2: has a tab character; YAML is indented with spaces"),
        (
            "targets: [{name: pacs, aet: PACS, host: h, port: 104}]",
            "targets[0].aet: unknown key; did you mean 'ae_title'?",
        ),
        ("data: caf\xe9\n".encode("latin-1"), ":1: is not UTF-8; save the file as UTF-8"),
        ("data: x\n".encode("utf-16"), ":1: is not UTF-8; save the file as UTF-8"),
    ],
)
def test_the_line_says_what_to_write(tmp_path: Path, content: str | bytes, message: str) -> None:
    """One line, with the place."""
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, content)
    assert message in str(caught.value)


def test_a_byte_order_mark_is_no_key(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    assert read(tmp_path, b"\xef\xbb\xbfdata: x\n").locations.data == tmp_path / "x"


def test_a_body_part_that_only_warns_is_also_let_through_by_the_listener(tmp_path: Path) -> None:
    """Before: `criteria_as_notes: [body_part]` had no effect, because such outlines never reached a worker."""
    as_notes = "workers: {criteria_as_notes: [body_part]}"
    [warning] = read(tmp_path, as_notes).warnings
    assert "add listener.set_aside_other_body_parts: false" in warning
    assert read(tmp_path, f"{as_notes}\nlistener: {{set_aside_other_body_parts: false}}").warnings == ()
    assert read(tmp_path, "workers: {criteria_as_notes: [acquisition]}").warnings == ()


@pytest.mark.parametrize("what", ["a folder", "a link to nothing"])
def test_what_is_no_file_in_the_place_of_the_configuration_is_an_error(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker makes a folder of a file that is not there; the defaults must not take effect without a word."""
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "radtme.yaml"
    if what == "a folder":
        here.mkdir()
    else:
        here.symlink_to("nowhere")
    with pytest.raises(WrongUsage, match=r"radtme.yaml: (cannot be read: Is a directory|configuration file not found)"):
        load_configuration(find_configuration(None, {}), {})


def test_a_data_folder_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """Such as one of a share with names in Latin-1: neither the ledger's URL nor a library in C can name it."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9p\xf4t"))
    folder.mkdir()
    with pytest.raises(
        ConfigurationError, match=r"data: the path .* is not UTF-8 text; rename the folder, or"
    ) as found:
        read(folder, "data: .")
    assert len(found.value.problems) == 1
    assert read(folder, f"data: {tmp_path}/dépôt").locations.data == tmp_path / "dépôt"
