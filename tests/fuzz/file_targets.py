"""Files from outside: the configuration, and signature bundles with valid hashes."""

import json
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

import model_store
from deploy.configuration.load import load_configuration
from deploy.errors import CommandError
from fuzz.folders import folder_of_this_process
from fuzz.fuzz_target import FuzzTarget
from model_store.errors import SignatureError
from model_store.files import sha256_of
from model_store.signatures.bundle import CANARY, CARD, DESCRIPTION, ESTIMATOR, REFERENCE, load_bundle
from model_store.signatures.signature import bundle_name

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "radtme.example.yaml"
FILES = (DESCRIPTION, ESTIMATOR, CANARY, REFERENCE, CARD)
HOSTILE_YAML = (
    b"targets: &a [*a]\n",
    b"a: &x [1,1]\nb: &y [*x,*x]\nc: [*y,*y]\n",
    b"[" * 1000,
    b"listener: {port: 1e999, ae_title: !!python/object:os.system x}\n",
    b"workers: {limits: {max_voxels: 5}}\ntargets: [{name: a, ae_title: B, host: c, port: 1}]\n",
)


@cache
def _folder() -> Path:
    return folder_of_this_process()


def configuration_seeds() -> list[bytes]:
    """The example, and YAML that harms readers."""
    return [EXAMPLE.read_bytes(), *HOSTILE_YAML]


def run_configuration(content: bytes) -> None:
    """Load a configuration file; an error in it has to be reported as a configuration error."""
    file = _folder() / "radtme.yaml"
    file.write_bytes(content)
    with suppress(CommandError):
        load_configuration(file, {})


@cache
def _bundle() -> Path:
    folder = Path(model_store.__file__).parent / "signatures" / "shipped"
    (shipped,) = (path for path in folder.iterdir() if path.is_dir())
    return shipped


def bundle_seeds() -> list[bytes]:
    """One byte that chooses a file of the bundle, then its content."""
    return [bytes([at]) + (_bundle() / name).read_bytes() for at, name in enumerate(FILES)]


def run_bundle(content: bytes) -> None:
    """Load a bundle with one file replaced, and with hashes and name that fit: its author may be hostile."""
    name = FILES[(content[:1] or b"\0")[0] % len(FILES)]
    folder = _folder() / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_bundle(), folder)
    (folder / name).write_bytes(content[1:])
    with suppress(SignatureError):
        load_bundle(folder, _fitting_name(folder, name))


def _fitting_name(folder: Path, changed: str) -> str:
    description = folder / DESCRIPTION
    try:
        raw = json.loads(description.read_bytes())
        raw["files"][changed] = sha256_of((folder / changed).read_bytes())
        if changed != DESCRIPTION:
            description.write_text(json.dumps(raw))
        return bundle_name(str(raw["id"]), str(raw["version"]), sha256_of(description.read_bytes()))
    except (ValueError, KeyError, TypeError, RecursionError):
        return folder.name


TARGETS = (
    FuzzTarget("configuration", configuration_seeds, run_configuration),
    FuzzTarget("bundle", bundle_seeds, run_bundle),
)
