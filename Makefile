# Two commands do everything: `make demo` runs the main job, `make test` passes the tests. Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
# Each part is a process of its own: without this, each of them compiles the libraries again where .pyc files are not written.
export UV_COMPILE_BYTECODE ?= 1

# What the tests hold the program against: DICOM peers, validators, a PACS, Redis, Prometheus, a browser.
TEST_PACKAGES := dcmtk dicom3tools orthanc orthanc-dicomweb redis-server prometheus chromium libpixelmed-java \
	default-jre-headless fonts-dejavu-core libxml2-utils rsyslog rsyslog-gnutls poppler-utils docker-compose systemd \
	gcc libc6-dev

.PHONY: help install demo test check format bench faults fuzz dashboards schema audit sbom lock clean test-packages python-ready

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: $(VENV)/.runtime ## Set up .venv with what radtme runs on

demo: $(VENV)/.runtime ## Run the main job on a generated study: start everything, send, score, show where the results lie
	$(BIN)/radtme demo

test: $(VENV)/.dev test-packages ## Run the tests; installs what they need (Debian packages as root)
	$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

check: $(VENV)/.dev ## Run the static checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@$(BIN)/radtme config schema | cmp -s - deploy/radtme.schema.json \
		|| { echo "deploy/radtme.schema.json is not what the settings say: run make schema" >&2; exit 1; }

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev test-packages ## Measure against the documented way of each library, Orthanc and storescp; prints ratios
	$(BIN)/python benchmarks/study.py
	$(BIN)/python benchmarks/ingest.py

faults: $(VENV)/.dev test-packages ## Run all fault tests, also the long ones
	$(BIN)/pytest -m "" tests/faults $(PYTEST_ARGS)

fuzz: $(VENV)/.dev ## Fuzz each parser of foreign bytes, guided by coverage, for SECONDS (default 300) each
	for target in $(or $(TARGET),association store seg series configuration bundle); do \
		PYTHONPATH=tests $(BIN)/python -m fuzz $$target $(or $(SECONDS),300) || exit 1; done

dashboards: $(VENV)/.dev ## Write the Grafana dashboards from their code
	$(BIN)/python -m deploy.grafana.build

schema: $(VENV)/.dev ## Write the JSON Schema of the configuration file
	$(BIN)/radtme config schema > deploy/radtme.schema.json

audit: $(VENV)/.dev ## Ask the advisory service about every locked dependency; fails where it does not answer
	$(BIN)/python requirements/audit $(BIN)/pip-audit

sbom: $(VENV)/.dev ## Write what the service runs on as CycloneDX JSON: dist/radtme.cdx.json
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements requirements/runtime.txt --pyproject pyproject.toml --sv 1.6 --output-reproducible \
		--validate -o dist/radtme.cdx.json

lock: $(VENV)/.uv ## Renew the locked requirements from pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --extra embedded --extra study --generate-hashes --no-header --no-annotate \
		-o requirements/runtime.txt
	$(BIN)/uv pip compile -q pyproject.toml --generate-hashes --no-header --no-annotate -c requirements/runtime.txt \
		-o requirements/service.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra embedded --extra study --group dev --generate-hashes --no-header --no-annotate \
		-c requirements/runtime.txt -o requirements/dev.txt

clean: ## Remove the environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist

python-ready:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "radtme needs Python 3.11 or newer; name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
		|| deploy/debian-packages python3-venv python3-dev

$(VENV)/.uv: requirements/uv.txt | python-ready
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml $(VENV)/.uv
	$(BIN)/uv pip install --quiet --require-hashes -r requirements/runtime.txt
	$(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(BIN)/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

test-packages:
	@deploy/debian-packages $(TEST_PACKAGES)
