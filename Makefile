# make run: the app on http://localhost:8501.  make test: every check.  Both build .venv first.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PORT ?= 8501

.PHONY: run test lint format clean

.venv/.app: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/.test: .venv/.app tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

run: .venv/.app
	-$(BIN)/python -m analysis.sounds.fetch_examples
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: .venv/.test lint
	$(BIN)/python -m pytest

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache
