"""What the service runs on: a bill of materials for others to read, and an audit that needs an answer to pass."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "requirements" / "runtime.txt"


def test_the_bill_of_materials_is_valid_and_complete() -> None:
    """`make sbom` writes CycloneDX 1.6 by its schema, with every locked package, its version and its digests."""
    subprocess.run(["make", "-s", "sbom"], cwd=ROOT, check=True, capture_output=True, timeout=240)
    text = (ROOT / "dist" / "radtme.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    locked = set(re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", RUNTIME.read_text(), re.MULTILINE))
    assert len(locked) > 50
    assert {(part["name"], part["version"]) for part in bill["components"]} == locked
    assert all(part["externalReferences"][0]["hashes"] for part in bill["components"])
    assert bill["metadata"]["component"]["name"] == "radtme"


def test_what_builds_a_package_without_a_wheel_is_locked() -> None:
    """A build runs the code of its requirements: each has digests, and each installation obeys."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["build"]
    locked = re.findall(
        r"^([a-z-]+)==\S+ \\\n    --hash=sha256:", (ROOT / "requirements/build.txt").read_text(), re.MULTILINE
    )
    assert {re.split("[<>=]", name)[0] for name in asked} <= set(locked)
    for page in ("Makefile", "deploy/Dockerfile", "docs/installation.md"):
        text = (ROOT / page).read_text().replace("\\\n", " ")
        installs = re.findall(r"uv pip install .*", text)
        assert installs, page
        assert all("--build-constraints requirements/build.txt" in line for line in installs), page


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (("echo 'jinja2 3.1.2 CVE'; exit 1", "exit 0"), 0),
        (("echo 'jinja2 3.1.2 CVE'; exit 1", "exit 1"), 1),
        (("exit 0", "exit 0"), 3),
        (("exit 1", "exit 0"), 3),
    ],
    ids=["none known", "some known", "a mirror that says not found", "no service"],
)
def test_an_audit_without_an_answer_does_not_pass(tmp_path: Path, answers: tuple[str, str], code: int) -> None:
    """A service that does not know a known vulnerable release has checked nothing, and `make audit` reports that."""
    service = tmp_path / "pip-audit"
    service.write_text(f'#!/bin/sh\ncase "$*" in *--require-hashes*) {answers[1]};; *) {answers[0]};; esac\n')
    service.chmod(0o755)
    ran = subprocess.run([sys.executable, ROOT / "requirements" / "audit", service], capture_output=True, text=True)
    assert ran.returncode == code
    assert ("nothing was checked" in ran.stdout) == (code == 3)
