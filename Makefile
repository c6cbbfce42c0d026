# make run: the app on http://localhost:8501.  make test: every check.  Both build .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PORT ?= 8501
# The versions that were tested; where one of them is no longer to be had, the newest that fit.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# On Linux without an NVIDIA GPU the CPU build of torch is enough, and gigabytes smaller. It is taken where pip knows an index
# that has it: README, "With and without a GPU".
GPU := $(shell command -v nvidia-smi || [ "$$(uname)" = Linux ] || echo another system)
TORCH := $(shell sed -n 's/^torch==//p' requirements.txt)

.PHONY: run test lint format clean

# An environment whose Python or pip does not work is made anew.
BROKEN := $(if $(shell $(BIN)/python -m pip --version 2>/dev/null),,broken)

.PHONY: broken
broken:

.venv/.app: requirements.txt constraints.txt $(BROKEN)
	$(if $(BROKEN),$(PYTHON) -m venv --clear .venv)
	@echo "Installing the app's packages into .venv; the first time this takes some minutes ..."
	$(if $(GPU),,$(INSTALL) "torch==$(TORCH)+cpu" 2>/dev/null || \
	  echo "pip knows no CPU build of torch: some gigabytes for GPUs come along. README says how to do without.")
	$(INSTALL) -c constraints.txt -r requirements.txt || $(INSTALL) -r requirements.txt
	touch $@

.venv/.test: .venv/.app tests/requirements.txt tests/others.txt
	@echo "Installing what the tests need ..."
	$(INSTALL) -c constraints.txt -r tests/requirements.txt || $(INSTALL) -r tests/requirements.txt
	-$(INSTALL) --no-deps -c constraints.txt -r tests/others.txt
	touch $@

# The network compiled for this processor, where a compiler is; without it the app is slower.
.venv/.kernel: .venv/.app $(wildcard tasnet/kernels/cpu/*.py tasnet/kernels/cpu/source/*)
	-$(BIN)/python -m tasnet.kernels.cpu
	touch $@

run: .venv/.app .venv/.kernel
	-$(BIN)/python -m analysis.sounds.fetch_examples
	$(BIN)/streamlit run app.py --server.port $(PORT)

# One process a core, and no core asked for twice: PyTorch's threads wait for each other where there are more than cores.
# The files in their order: by the number of its tests xdist would take the browser's, the longest, last.
test: .venv/.test lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	[ ! -x $(BIN)/oxlint ] || $(BIN)/oxlint assets tests

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache
