"""A PACS and an installation that several tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.installation import Installation
from support.pacs import Orthanc, orthanc


def target_of(pacs: Orthanc) -> dict[str, object]:
    """Return the configuration of a target that is this PACS."""
    return {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """Return a running, empty Orthanc."""
    with orthanc(tmp_path_factory.mktemp("pacs")) as server:
        yield server


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, pacs: Orthanc) -> Iterator[Installation]:
    """Return a running installation that delivers to the PACS."""
    folder: Path = tmp_path_factory.mktemp("installation")
    with Installation(folder, [target_of(pacs)]) as one:
        one.start()
        yield one
