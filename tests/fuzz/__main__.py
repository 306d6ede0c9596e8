"""Coverage-guided fuzzing of one target: ``python -m fuzz TARGET SECONDS`` (see ``make fuzz``).

A crash is written to ``build/fuzz/<target>/crash-...``, which the same command runs again when it is named as third
argument.
"""

import logging
import sys
import warnings
from pathlib import Path

import atheris

CODE = [
    "listener",
    "workers",
    "model_store",
    "deploy",
    "yaml",
    *(f"pydicom.{name}" for name in ("dataelem", "dataset", "encaps", "filereader", "sequence", "values")),
]

with atheris.instrument_imports(include=CODE):
    from fuzz.targets import TARGETS

BUILD = Path(__file__).resolve().parents[2] / "build" / "fuzz"


def main(name: str, seconds: str, *inputs: str) -> None:
    """Fuzz a target for some time, or run it on the named inputs."""
    target = TARGETS[name]
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    corpus = BUILD / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", "-max_len=65536", "-rss_limit_mb=3000", "-timeout=30"]
    options.append(f"-artifact_prefix={corpus.parent}/")
    atheris.Setup([sys.argv[0], *options, *(inputs or [str(corpus)])], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
