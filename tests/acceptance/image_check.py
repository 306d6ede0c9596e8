"""`make image`: build the container image, run the service of the compose file from it, score a study, stop it.

Needs root, and no Docker engine: buildah builds, podman runs, and podman-compose reads `deploy/compose/compose.yaml`,
so that every flag under test is the one that a hospital gets. A base image that is not in the local store is made of
Debian packages under its name: nothing is pulled. What this machine needs to reach its package sources (mirror, index
of pip, certificates) is handed to the build at run time.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydicom import dcmread

from deploy.simulation.phantom import write_phantom
from listener.spool.spool import Spool

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
STORE = Path(os.environ.get("RADTME_IMAGE_STORE", "/var/tmp/radtme-images"))
"""Images are kept here from one run to the next."""
PROJECT = "radtme-check"
PARTS = ("redis", "listener", "compute", "delivery")
LIMIT_MB = 700
"""Of all layers, not compressed; `docs/installation.md` says of what."""
SR_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
"""Begin of the UIDs of all SR Storage SOP Classes."""
SINK = """
import sys
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
def take(event):
    with open(f"/received/{event.request.AffectedSOPInstanceUID}", "wb") as file:
        file.write(event.encoded_dataset())
    return 0x0000
entity = AE("ORTHANC")
for context in AllStoragePresentationContexts:
    if not context.abstract_syntax.startswith(tuple(sys.argv[1:])):
        entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
entity.start_server(("0.0.0.0", 4242), evt_handlers=[(evt.EVT_C_STORE, take)])
"""
"""The PACS that the compose file names as its target, without the SOP classes that begin with an argument; the sink of
radtme listens on loopback alone.
"""
SETTLED_SECONDS = 300.0
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{store}/graph"
runroot = "{store}/run"
"""
CERTIFICATES = "/run/certificates.pem"
"""Those of this machine, in the build."""
LEFT_OUT = ("doc", "man", "locale", "info")
"""Of /usr/share: Docker's slim images have none of it either, except the licences in doc/*/copyright."""


def main() -> None:
    """Run the check; an AssertionError or a program that fails ends it."""
    STORE.mkdir(parents=True, exist_ok=True)
    (STORE / "containers.conf").write_text(CONTAINERS_CONF)
    (STORE / "storage.conf").write_text(STORAGE_CONF.format(store=STORE))
    os.environ["CONTAINERS_CONF"] = str(STORE / "containers.conf")
    os.environ["CONTAINERS_STORAGE_CONF"] = str(STORE / "storage.conf")
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    with tempfile.TemporaryDirectory(prefix="radtme-image-") as name:
        work = Path(name)
        build(work, services)
        compose = prepared(work)
        try:
            run(work, compose, services)
        finally:
            compose("down", "--volumes", check=False)


def build(work: Path, services: Mapping[str, Any]) -> None:
    """Build the image, and its base image and Redis image where they are missing."""
    base = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)[0]
    redis, image = services["redis"]["image"], services["listener"]["image"]
    sources = package_sources(work)
    if not exists(base):
        make_base(work, base)
    if not exists(redis):
        (work / "Redis").write_text(
            f"FROM {base}\nRUN apt-get update && apt-get install --yes --no-install-recommends redis-server "
            "&& rm -r /etc/redis && install --directory --owner 999 --group 999 /data\n"
            "VOLUME /data\n"
        )
        bud("--file", str(work / "Redis"), "--tag", full(redis), str(work), volumes=sources)
    options = ("--ignorefile", f"{DOCKERFILE}.dockerignore", "--build-arg", f"SSL_CERT_FILE={CERTIFICATES}")
    bud(*options, "--file", str(DOCKERFILE), "--tag", full(image), str(ROOT), volumes=sources)
    size = megabytes(image)
    say("image", f"{size} MB, of these {megabytes(base)} MB of its base")
    assert size <= LIMIT_MB, f"the image has {size} MB, and {LIMIT_MB} MB are allowed"


def make_base(work: Path, name: str) -> None:
    """Make a stand-in of Debian's packages for its slim image, ``debian:RELEASE-slim``."""
    say("base", f"{name} is made of Debian packages")
    release = name.removeprefix("debian:").removesuffix("-slim")
    targets = done("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages").splitlines()
    mirror = next(line.split()[0] for line in targets if line.split()[1] == release)
    exclude = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in LEFT_OUT]
    licences = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    (work / "base").mkdir()
    # What merges /usr brings all of Perl along: 53 MB that the image for which this stands does not hold.
    merged = """--customize-hook=chroot "$1" apt-get purge --yes '^libperl5' '^perl-modules'"""
    options = ("--mode=root", "--variant=minbase", "--quiet", "--include=usr-is-merged", merged, *exclude, licences)
    done("mmdebstrap", *options, release, str(work / "base" / "root.tar"), f"deb {mirror} {release} main")
    (work / "base" / "Base").write_text("FROM scratch\nADD root.tar /\n")
    bud("--file", str(work / "base" / "Base"), "--tag", full(name), str(work / "base"))


def package_sources(work: Path) -> dict[str, str]:
    """Return the files that let a build reach this machine's mirror and index, by where they are mounted.

    The certificates are not mounted in /etc/ssl/certs, where ca-certificates could then not be installed.
    """
    written = {
        "pip.conf": ("/etc/pip.conf", pip_configuration()),
        "apt.conf": ("/etc/apt/apt.conf.d/99certificates", f'Acquire::https::CaInfo "{CERTIFICATES}";\n'),
    }
    mounts = {"/etc/ssl/certs/ca-certificates.crt": CERTIFICATES}
    for name, (place, text) in written.items():
        (work / name).write_text(text)
        mounts[str(work / name)] = place
    lists = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")
    return mounts | {place: place for place in lists if Path(place).exists()}


def pip_configuration() -> str:
    """Return what pip needs of this machine's configuration: the index and the certificates, no local folders."""
    lines = ["[global]", f"cert = {CERTIFICATES}"]
    found = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    if found.returncode == 0 and found.stdout.strip():
        lines.append(f"index-url = {found.stdout.strip()}")
    return "\n".join([*lines, ""])


class Compose:
    """podman-compose on a copy of the folder, so that the check leaves nothing in the clone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run one of its commands."""
        program = str(Path(sys.executable).with_name("podman-compose"))
        return done(program, "--project-name", PROJECT, *arguments, cwd=self.folder, check=check)

    def container(self, service: str) -> str:
        """Return the id of the container of a service."""
        label = f"label=com.docker.compose.service={service}"
        project = f"label=com.docker.compose.project={PROJECT}"
        return done("podman", "ps", "--all", "--quiet", "--filter", label, "--filter", project).split()[0]


def prepared(work: Path) -> Compose:
    """Return compose in a copy of its folder, with secrets and folders made as the page says."""
    folder = work / "deploy" / "compose"
    shutil.copytree(COMPOSE, folder, ignore=shutil.ignore_patterns("data", "secrets"))
    for path in (work, work / "deploy", folder):
        path.chmod(0o755)
    done("sh", str(folder / "prepare"))
    return Compose(folder)


def run(work: Path, compose: Compose, services: Mapping[str, Any]) -> None:
    """Start the service, score two studies, ask its commands about them, and stop each part in its time."""
    compose("up", "--detach", "--no-build", *PARTS)
    for part in PARTS:
        wait_for(lambda part=part: healthy(compose, part, services), 120, f"{part} is not healthy")  # type: ignore[misc]
        flags_are_in_force(compose.container(part), part, services[part])
    say("started", ", ".join(PARTS))
    (work / "sender.yaml").write_text("data: /tmp/sender\n")
    image = full(services["listener"]["image"])
    assert score(work, image, seed=7).count("Comprehensive 3D SR Storage") == 2
    assert score(work, image, seed=8, refused=SR_CLASSES).count("Encapsulated PDF Storage") == 2
    commands_work(compose.container("listener"))
    for part in reversed(PARTS):
        stop(compose, part, services[part])


def score(work: Path, image: str, seed: int, refused: str = "") -> list[str]:
    """Send a study, and return the SOP classes of its results in a PACS that refuses some classes."""
    received, study = work / f"received-{seed}", work / f"study-{seed}"
    received.mkdir()
    received.chmod(0o777)
    phantom = write_phantom(study, seed=seed)
    own = ("--network", f"{PROJECT}_dicom", "--rm", "--env", "RADTME_CONFIG=/radtme.yaml")
    own = (*own, "--volume", f"{work / 'sender.yaml'}:/radtme.yaml:ro", "--user", "0:0")
    named = ("--name", f"{PROJECT}-sink", "--network-alias", "orthanc", "--volume", f"{received}:/received")
    program = ("--entrypoint", "python", image, "-c", SINK, *([refused] if refused else []))
    done("podman", "run", "--detach", *named, *own, *program)
    try:
        send = ("send", "/study", "--target", "RADTME@listener:11112", "--calling", "ORTHANC")
        began = time.monotonic()
        done("podman", "run", *own, "--volume", f"{study}:/study:ro", image, *send)
        wait_for(lambda: len(results(received, phantom.study_uid)) >= 4, SETTLED_SECONDS, "no results in the sink")
        found = results(received, phantom.study_uid)
        say("results", f"{', '.join(found)} after {time.monotonic() - began:.0f} s")
        return found
    finally:
        done("podman", "rm", "--force", f"{PROJECT}-sink", check=False)


def commands_work(container: str) -> None:
    """Run in the trimmed image what an administrator runs there: nothing that they need was left out of it."""
    inside = ("podman", "exec", container)
    findings = json.loads(done(*inside, "radtme", "doctor", "--json", check=False))
    faults = [one for one in findings if one["level"] == "fault" and one["check"] != "targets"]
    assert not faults, faults  # the sink is gone by now
    jobs = json.loads(done(*inside, "radtme", "status", "--json"))["jobs"]
    assert len(jobs) == 2, jobs
    for job in jobs:
        objects = Spool(Path("/var/lib/radtme/spool")).job_folder(job["job_id"]) / "objects"
        done(*inside, "radtme", "check", str(objects))
        done(*inside, "radtme", "rescore", str(objects / "feature_report.dcm"))
    say("commands", "doctor, status, check and rescore work in the container")


def healthy(compose: Compose, part: str, services: Mapping[str, Any]) -> bool:
    """Whether the health check that the compose file gives passes inside the container."""
    kind, *words = services[part]["healthcheck"]["test"]
    command = ["sh", "-c", words[0].replace("$$", "$")] if kind == "CMD-SHELL" else words
    return (
        subprocess.run(
            ["podman", "exec", compose.container(part), *command], check=False, capture_output=True
        ).returncode
        == 0
    )


def flags_are_in_force(container: str, part: str, service: Mapping[str, Any]) -> None:
    """Compare what the kernel says of the first process with what the compose file promises."""
    found = json.loads(done("podman", "inspect", container))[0]
    assert found["HostConfig"]["ReadonlyRootfs"] is service["read_only"], part
    assert found["Config"]["User"] == service["user"], part
    status = dict(
        line.split(":", 1) for line in done("podman", "exec", container, "cat", "/proc/1/status").splitlines()
    )
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, f"{part} has capabilities"
    assert status["NoNewPrivs"].strip() == "1", f"{part} can gain privileges"
    assert status["Uid"].split()[0] == service["user"].partition(":")[0], f"{part} runs as {status['Uid']}"
    touched = subprocess.run(["podman", "exec", container, "touch", "/etc/x"], check=False, capture_output=True)
    assert touched.returncode != 0, f"{part} can write to its root file system"
    done("podman", "exec", container, "touch", "/tmp/x")


def results(folder: Path, study_uid: str) -> list[str]:
    """Return what came for a study, by SOP class."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    headers = [dcmread(path, stop_before_pixels=True, force=True) for path in files]
    return sorted(one.SOPClassUID.name for one in headers if one.get("StudyInstanceUID") == study_uid)


def stop(compose: Compose, part: str, service: Mapping[str, Any]) -> None:
    """Stop a part as compose does, and hold it against its grace time: it must end by itself, not be killed."""
    container = compose.container(part)
    grace = int(service["stop_grace_period"].removesuffix("s"))
    began = time.monotonic()
    done("podman", "stop", "--time", str(grace), container)
    seconds = time.monotonic() - began
    code = json.loads(done("podman", "inspect", container))[0]["State"]["ExitCode"]
    say("stopped", f"{part} in {seconds:.1f} of {grace} s, exit code {code}")
    assert seconds < grace, f"{part} took {seconds:.0f} s to stop, and {grace} s are promised"
    assert code == 0, f"{part} ended with {code}"


def exists(image: str) -> bool:
    """Whether an image is in the local store."""
    return subprocess.run(["buildah", "inspect", full(image)], check=False, capture_output=True).returncode == 0


def full(image: str) -> str:
    """Return the name under which podman finds an image without asking a registry."""
    return f"localhost/{image}" if image.startswith("radtme:") else f"docker.io/library/{image}"


def megabytes(image: str) -> int:
    """Return the size of all layers."""
    return round(int(done("podman", "image", "inspect", "--format", "{{.Size}}", full(image))) / 1e6)


def bud(*arguments: str, volumes: Mapping[str, str] | None = None) -> None:
    """Build an image without a daemon, on this machine's network, from what is in the store."""
    mounts = [word for source, target in (volumes or {}).items() for word in ("--volume", f"{source}:{target}:ro")]
    done(
        "buildah", "bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--layers", *mounts, *arguments
    )


def wait_for(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Ask every second."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(1)


def done(*words: str, cwd: Path | None = None, check: bool = True) -> str:
    """Run a program and return what it says; show all of it where it fails."""
    ran = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    if check and ran.returncode:
        sys.exit(f"{' '.join(words)}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}")
    return ran.stdout


def say(what: str, text: str) -> None:
    """Print one line."""
    print(f"{what:9} {text}", flush=True)


if __name__ == "__main__":
    main()
