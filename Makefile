# Two commands do everything: `make demo` runs the main job, `make test` passes the tests. Both set up what they need.

# Which Python: python3 where none is named and no .venv is there yet. VENV=FOLDER keeps one beside .venv.
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
# Parts and tests are processes of their own, hundreds in a run: what one of them has compiled, the others read.
export UV_COMPILE_BYTECODE ?= 1
unexport PYTHONDONTWRITEBYTECODE

# One lock for every Python, from 3.11.0 on, with one version of each package wherever all of them have it: the same values.
COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-annotate
# What a package without a wheel is built with is locked too: its code runs at the installation.
INSTALL = @$(BIN)/uv pip install --python $(BIN)/python --build-constraints requirements/build.txt

# What the tests hold the program against: DICOM peers, validators, a PACS, Redis, Prometheus, a browser.
TEST_PACKAGES := dcmtk dicom3tools orthanc orthanc-dicomweb redis-server postgresql prometheus chromium libpixelmed-java \
	libsaxonhe-java default-jre-headless fonts-dejavu-core libxml2-utils rsyslog rsyslog-gnutls poppler-utils docker-compose systemd \
	plastimatch g++ zsh fish xfsprogs btrfs-progs r-base-core r-cran-proc

IMAGE_PACKAGES := buildah podman runc mmdebstrap fuse-overlayfs netavark aardvark-dns iptables uidmap

# What has to be the same on every Python. Named one by one: a path that is gone fails, a pattern could match nothing.
VALUE_TESTS := tests/reference/test_feature_values.py tests/workers/features/test_canary.py \
	tests/workers/features/test_extraction.py tests/workers/features/test_resampling.py tests/workers/features/test_ring.py \
	tests/workers/features/test_field_of_view.py tests/workers/features/test_vessels.py tests/workers/features/test_chest_wall.py \
	tests/workers/images/test_volume.py tests/workers/images/test_pixels.py tests/workers/images/test_padding.py \
	tests/model_store/signatures/test_bundle.py tests/model_store/signatures/test_estimator.py

# Three also on two cores: more than half of the time of the tests is waiting for processes that they start. In the order of
# their names, the long tests of whole stacks come first; by default they would come last, when the other workers have ended.
PYTEST_WORKERS ?= 3

.PHONY: help install demo test values bare image check format bench faults long fuzz sanitize dashboards schema audit sbom lock clean test-packages always

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: $(VENV)/.runtime ## Set up .venv with what radtme runs on

demo: $(VENV)/.runtime ## Run the main job on a generated study: start everything, send, score, show where the results lie
	$(BIN)/radtme demo

test: $(VENV)/.dev test-packages ## Run the tests; installs what they need (Debian packages as root)
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

image: $(VENV)/.dev ## Build the container image, run the compose file's service from it, score a study (as root)
	@deploy/debian-packages $(IMAGE_PACKAGES)
	$(BIN)/python tests/acceptance/image_check.py

values: $(VENV)/.dev ## Run the tests of values alone: features, published references, canary, signatures, images
	$(BIN)/pytest -n 2 --dist loadfile $(VALUE_TESTS)

bare: ## Run demo and test on a bare Debian 12 and 13, in root folders of their own; as root
	deploy/bare-machine $(RELEASES)

check: $(VENV)/.dev ## Run the static checks, and import every test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@$(BIN)/radtme config schema | cmp -s - deploy/radtme.schema.json \
		|| { echo "deploy/radtme.schema.json is not what the settings say: run make schema" >&2; exit 1; }
	@collected=$$($(BIN)/pytest --collect-only -q) || { echo "$$collected" | tail -n 60; exit 1; }

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev test-packages ## Measure against the first release, each library's documented way, Orthanc and storescp; prints ratios
	@deploy/debian-packages valgrind
	$(BIN)/python benchmarks/table.py

faults: $(VENV)/.dev test-packages ## Run all fault tests, also the long ones
	$(BIN)/pytest -m "" tests/faults $(PYTEST_ARGS)

long: $(VENV)/.dev test-packages ## Run the long tests alone, such as the coverage over 400 simulated cohorts
	$(BIN)/pytest -m long $(PYTEST_ARGS)

fuzz: $(VENV)/.dev ## Fuzz each parser of foreign bytes, guided by coverage, for SECONDS (default 300) each
	for target in $(or $(TARGET),association store seg series header configuration bundle); do \
		PYTHONPATH=tests $(BIN)/python -m fuzz $$target $(or $(SECONDS),300) || exit 1; done

sanitize: ## Fuzz what is compiled (headers, feature_engine) under the compiler's sanitizers for SECONDS (default 300) each
	@mkdir -p build/fuzz
	for target in $(or $(TARGET),headers feature_engine); do \
		$(CXX) -std=c++17 -O1 -g -Wall -Wextra -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all \
			-I workers/features/engine/source -I workers/images/source tests/fuzz/$$target.cpp -o build/fuzz/$$target \
			&& build/fuzz/$$target $(or $(SECONDS),300) $(INPUTS) || exit 1; done

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

lock: $(VENV)/.uv ## Renew the locked requirements from pyproject.toml, for every Python that it names
	$(COMPILE) pyproject.toml --extra embedded --extra study -o requirements/runtime.txt
	$(COMPILE) pyproject.toml -c requirements/runtime.txt -o requirements/service.txt
	$(COMPILE) pyproject.toml --extra embedded --extra study --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) --group build -c requirements/service.txt -o requirements/build.txt
	$(COMPILE) --group writers --no-deps -c requirements/runtime.txt -o requirements/writers.txt

clean: ## Remove the environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist

# Always asked, made anew only where another Python is named than the one that it was made with.
$(VENV)/pyvenv.cfg: always
	@requirements/environment $(VENV) $(PYTHON)

$(VENV)/.uv: requirements/uv.txt $(VENV)/pyvenv.cfg
	@echo "installing the installer (uv)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# The modules in C++ are compiled again where their sources are newer.
EXTENSIONS := hatch_build.py $(wildcard workers/features/engine/source/* workers/images/source/*)

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml $(EXTENSIONS) $(VENV)/.uv
	@echo "installing what radtme runs on"
	$(INSTALL) --require-hashes -r requirements/runtime.txt
	@echo "compiling and installing radtme"
	$(INSTALL) --no-deps --editable .
	@$(BIN)/python -m compileall -q listener workers model_store deploy
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "installing what development and tests need"
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

test-packages:
	@deploy/debian-packages $(TEST_PACKAGES)
