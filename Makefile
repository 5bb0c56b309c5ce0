# Everything that is done here in one command each; `make help` lists them.
#
# .venv is made when first needed, with the versions of constraints.txt, and brought up to date when that file
# or pyproject.toml changes. Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
DATA ?=
DEB_ARGS ?=
PYTEST_ARGS ?=

BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo quick audit-deps test gpu-test lint types check example bench bench-rembg fuzz corpus screenshots faults soak wheel deb sbom image-test train clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[dask,dev,language,raw,train,onnx,web]'
	@touch $@

demo: $(READY) ## cut out three photographs through the daemon, and show them
	$(BIN)/python -m mattingd demo build/demo

test: $(READY) ## the whole test suite, for two cores (PYTEST_ARGS="-k config" for a part)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

quick: $(READY) ## lint, types and the pure tests: the loop while you write, under 90 seconds
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m pure tests/core tests/domain tests/config tests/language tests/system tests/test_imports.py

gpu-test: $(READY) ## the tests that need a CUDA device; without one they are skipped, and that is said
	$(BIN)/python -m pytest -m gpu $(PYTEST_ARGS)

lint: $(READY) ## ruff, also as Python 3.12 and 3.13 would have it (newer syntax apart: 3.11 cannot read it)
	$(BIN)/ruff check
	$(BIN)/ruff check --quiet --target-version py312 --ignore UP
	$(BIN)/ruff check --quiet --target-version py313 --ignore UP
	$(BIN)/ruff format --check

types: $(READY) ## mypy --strict for Python 3.11, 3.12 and 3.13
	$(BIN)/mypy --python-version 3.11
	$(BIN)/mypy --python-version 3.12
	$(BIN)/mypy --python-version 3.13

check: lint types test ## all of the above, as CI does it

example: $(READY) ## write what is generated: config.example.yaml, docs/CLI.md and docs/LIFECYCLE.md
	$(BIN)/python -c 'from mattingd import config; print(config.example(), end="")' > config.example.yaml
	$(BIN)/python -m tests.cli.cli_reference > docs/CLI.md
	$(BIN)/python -m tests.core.lifecycle_drawing > docs/LIFECYCLE.md

bench: $(READY) ## pictures a second: each stage alone, and all together
	$(BIN)/python -m tests.bench.bench

bench-rembg: $(READY) ## the same pictures through rembg, in an environment of its own
	$(BIN)/python -m tests.bench.against_rembg

fuzz: $(READY) ## 50,000 spoilt files of every format through a picture worker, 1,000 through a daemon
	MATTINGD_FUZZ=50000 $(BIN)/python -m pytest --capture no tests/fuzz $(PYTEST_ARGS)

corpus: $(READY) ## hundreds of generated files of every kind, each read by us and by another reader
	MATTINGD_CORPUS=1 $(BIN)/python -m pytest tests/corpus $(PYTEST_ARGS)

bench-edges: $(READY) ## mattes at full size and the colours under them, beside a matting solver
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train]'
	$(BIN)/python -m tests.bench.edges

bench-second-pass: $(READY) ## small subjects with known mattes, through the network once and twice
	$(BIN)/python -m tests.bench.second_pass

screenshots: $(READY) ## the page as the README shows it, in docs/images (needs chromium and fonts-wqy-microhei)
	$(BIN)/python -m tests.web.screenshots docs/images

faults: $(READY) ## network shares with a real Samba server, a cluster of remote workers (needs root)
	MATTINGD_FAULTS=1 $(BIN)/python -m pytest --timeout 3600 tests/daemon/test_shares.py tests/daemon/test_team_day.py \
	    tests/daemon/test_faulty_share.py tests/daemon/test_smb_clients.py tests/daemon/test_smb_notifications.py \
	    tests/daemon/test_many_files.py \
	    tests/cli/test_share.py tests/remote/test_cluster.py $(PYTEST_ARGS)

soak: $(READY) ## kill the daemon a thousand times; 200 random trees; large drops; 50 clients of a page that is killed; every look of it; 20,000 simulated days
	MATTINGD_SOAK=1000 MATTINGD_TREES=200 MATTINGD_SIM_SEEDS=20000 $(BIN)/python -m pytest --timeout 14400 \
	    tests/daemon tests/reports tests/simulation $(PYTEST_ARGS)
	MATTINGD_LOAD=1 MATTINGD_SOAK=1000 $(BIN)/python -m pytest --timeout 14400 --capture no \
	    tests/web/test_load.py tests/web/test_page.py $(PYTEST_ARGS)

audit-deps: ## known flaws of the packages we pin (needs the network), and what bandit finds in our own code
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit bandit
	build/audit/bin/bandit --quiet --recursive mattingd --severity-level high
	build/audit/bin/pip-audit --strict --progress-spinner off --no-deps --disable-pip --requirement constraints.txt

wheel: $(READY) ## the wheel in build/dist; the same sources give the same bytes
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --wheel --no-isolation --outdir build/dist

deb: $(READY) ## a Debian package with the service (DEB_ARGS=--cuda for NVIDIA GPUs): docs/INSTALL.md
	$(BIN)/python deploy/deb/build.py --out build $(DEB_ARGS)

sbom: $(READY) ## every part of the program with its licence, in build/sbom
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,release]'
	$(BIN)/python deploy/sbom.py --out build/sbom

image-test: $(READY) ## build the image and the Debian package, and run them (root; needs buildah, crun, debootstrap)
	MATTINGD_IMAGE=1 $(BIN)/python -m pytest --timeout 3600 tests/packaging/test_image.py tests/packaging/test_deb.py $(PYTEST_ARGS)

train: $(READY) ## train the model on a data pack: make train DATA=DIR; goes on where it was stopped
	@test -n '$(DATA)' || { echo 'say where the data pack is: make train DATA=DIR' >&2; exit 2; }
	$(BIN)/python -m mattingd.training train --data '$(DATA)'

clean: ## remove caches and built packages; checkpoints of a training (build/) and .venv stay
	rm -rf dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
