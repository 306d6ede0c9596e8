"""Results of a case by STOW-RS in a real PACS: Orthanc with its DICOMweb plugin."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from pydicom import Dataset

from deploy.cli import radtme
from listener.tls.contexts import server_context
from support.certificates import Authority, Issued, secret_file
from support.dicom_objects import image, outline
from support.pacs import PLUGIN, orthanc
from support.web_server import forward_to, web_server
from workers.errors import TransientFailure
from workers.results.instance_reference import InstanceReference
from workers.results.result_roles import ResultRole
from workers.targets.dicomweb import Stow
from workers.targets.store_status import StoreResult
from workers.targets.target import Target, TargetKind
from workers.targets.transport import Alternatives, TargetRefused

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        shutil.which("Orthanc") is None or not PLUGIN.exists(), reason="needs orthanc and orthanc-dicomweb"
    ),
]


def test_objects_are_stored_listed_and_the_same(tmp_path: Path) -> None:
    """Taken, listed by QIDO-RS, byte-equal data sets by WADO-RS, and taken again when sent again."""
    made: dict[ResultRole, Dataset] = {ResultRole.SEGMENTATION: outline([1]), ResultRole.KEY_IMAGE: image(1)}
    objects: dict[ResultRole, Alternatives] = {
        role: {str(one.SOPClassUID): lambda one=one: one} for role, one in made.items()
    }
    references = [InstanceReference.of(one) for one in made.values()]
    with orthanc(tmp_path / "pacs") as pacs:
        target = Target("web", kind=TargetKind.DICOMWEB, url=f"http://127.0.0.1:{pacs.http_port}/dicom-web")
        stow = Stow()
        stow.probe(target, "RADTME")
        assert stow.seen(target, "RADTME", references) == frozenset()
        for _ in range(2):
            assert [one.answer for one in stow.send(target, "RADTME", objects)] == [
                StoreResult.TAKEN,
                StoreResult.TAKEN,
            ]
        assert stow.seen(target, "RADTME", references) == {one.sop_instance_uid for one in references}
        for reference, sent in zip(references, made.values(), strict=True):
            (stored,) = pacs.retrieve(reference.study_uid, reference.series_uid)
            assert stored == sent


def test_password_of_a_real_server(tmp_path: Path) -> None:
    """Without credentials or with wrong ones it refuses, with the right ones it takes."""
    users = {"AuthenticationEnabled": True, "RegisteredUsers": {"radtme": "right"}}
    password = secret_file(tmp_path / "password", "wrong")
    objects: dict[ResultRole, Alternatives] = {ResultRole.KEY_IMAGE: {"1.2": lambda: image(1)}}
    with orthanc(tmp_path / "pacs", **users) as pacs:
        plain = Target("web", kind=TargetKind.DICOMWEB, url=f"http://127.0.0.1:{pacs.http_port}/dicom-web")
        with pytest.raises(TargetRefused, match="credentials"):
            Stow().probe(plain, "RADTME")
        named = Target("web", kind=TargetKind.DICOMWEB, url=plain.url, user="radtme", password_file=password)
        with pytest.raises(TargetRefused, match="credentials"):
            list(Stow().send(named, "RADTME", objects))
        password.write_text("right")
        assert [one.answer for one in Stow().send(named, "RADTME", objects)] == [StoreResult.TAKEN]


def test_mutual_tls_in_front_of_a_real_server(tmp_path: Path) -> None:
    """A proxy that requires certificates accepts ours; both sides verify the certificate of the other."""
    authority, stranger = Authority(tmp_path / "ca"), Authority(tmp_path / "other")
    ours = authority.issue("radtme")
    objects: dict[ResultRole, Alternatives] = {ResultRole.KEY_IMAGE: {"1.2": lambda: image(1)}}
    with (
        orthanc(tmp_path / "pacs") as pacs,
        web_server(forward_to(pacs.http_port), server_context(authority.issue("proxy").server())) as proxy,
    ):
        web = Target("web", kind=TargetKind.DICOMWEB, url=proxy.url, tls=ours.client())
        assert [one.answer for one in Stow().send(web, "RADTME", objects)] == [StoreResult.TAKEN]
        told = CliRunner().invoke(radtme, ["echo", "web", "--config", str(_configuration(tmp_path, proxy.url, ours))])
        assert told.exit_code == 0, told.output
        assert "ok, QIDO-RS" in told.output
        before = len(proxy.requests)
        for tls in (stranger.issue("proxy").client(), stranger.issue("radtme").client(ca=authority.ca)):
            with pytest.raises(TransientFailure):
                list(Stow().send(replace(web, tls=tls), "RADTME", objects))
        assert len(proxy.requests) == before


def _configuration(folder: Path, url: str, ours: Issued) -> Path:
    """Return a configuration file with this target."""
    tls = {"ca": str(ours.ca), "certificate": str(ours.certificate), "key": str(ours.key)}
    file = folder / "radtme.yaml"
    file.write_text(yaml.safe_dump({"targets": [{"name": "web", "kind": "dicomweb", "url": url, "tls": tls}]}))
    return file
