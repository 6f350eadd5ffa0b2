# `make up` needs Python 3.11+ with venv, and nothing else; `make test` needs Node.js with npm besides.
PYTHON ?= python3
PORT ?= 8080
DATA ?= cloudpulse-data
VENV := .venv
BIN := $(VENV)/bin
NODE_MODULES := dashboard/node_modules

# pip must never install outside the project's own environment.
export PIP_REQUIRE_VIRTUALENV := 1

.PHONY: up test check format dashboard bench clean node

up: $(VENV)/installed
	$(BIN)/cloudpulse up --port "$(PORT)" --data "$(DATA)" --demo

test: check
	cd dashboard && npm test
	$(BIN)/pytest -n 3 --dist loadgroup --no-loadscope-reorder

check: $(VENV)/installed-dev $(NODE_MODULES)/installed node
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd dashboard && npm run --silent lint && npm run --silent types

format: $(VENV)/installed-dev $(NODE_MODULES)/installed node
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd dashboard && npm run --silent format

# What the server serves at /; it is committed.
dashboard: $(NODE_MODULES)/installed node
	cd dashboard && npm run --silent build

bench: $(VENV)/installed-dev $(NODE_MODULES)/installed node
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(NODE_MODULES) dashboard/coverage dashboard/screenshots .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). On Debian or Ubuntu: sudo apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "CloudPulse needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/installed: $(BIN)/python pyproject.toml requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(NODE_MODULES)/installed: dashboard/package-lock.json | node
	cd dashboard && npm ci --loglevel=error
	@touch $@

node:
	@node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major * 100 + +minor < 2019 ? 1 : 0)' \
		2>/dev/null && command -v npm >/dev/null || \
		{ echo "Checks and tests of the dashboard need Node.js 20.19 or newer with npm: https://nodejs.org"; exit 1; }

$(VENV)/installed-dev: $(VENV)/installed requirements-explore.txt requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
