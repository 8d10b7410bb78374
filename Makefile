# make demo   install, train on the embedded ocean, make a short reanalysis with it
# make test   install, run all tests
# make test-fast  the tests that are not marked slow (pyproject.toml says what is slow)
# make lint   ruff and mypy
# make docs   the documentation site, in build/site
# make weights train the built-in ocean, pack the weights that are shipped (an hour)
# make scores measure every number of the docs anew (hours; DEEPDA_TEST_DATA names the real files)
# make real DATA=/path/to/data  the reanalysis of docs/real-reanalysis.md, its tables and pictures (an hour)
# Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Not compiling spares a minute: of 14,000 modules few are used, and Python compiles those at their first import.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile \
	--constraint constraints.txt --editable
RUN := runs/demo/osse
REANALYSIS := runs/demo/reanalysis
# By file: fixtures of a file, such as the run of the twin experiment, are made once. Files of slow tests begin.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder
# Without the plugins of zarr and hydra, which pytest would first compile anew, each worker for itself.
PYTEST := $(BIN)/python -m pytest --disable-plugin-autoload -p xdist -p hypothesispytest $(PARALLEL)
# Modules are compiled once, not by each process.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-fast lint docs weights scores real venv dev

demo: venv
	$(BIN)/deepda osse run --output $(RUN) training=quick
	$(BIN)/deepda reanalysis --start 2000 --end 2002 --run $(RUN) --output $(REANALYSIS)
	@echo
	@echo "report of the twin experiment: $(RUN)/report.html"
	@echo "its NetCDF files:              $(RUN)/truth.nc $(RUN)/analysis.nc"
	@echo "synthetic ocean, a file a year: $(REANALYSIS)/twin_thetao_*.nc"

test: dev
	$(PYTEST)

test-fast: dev
	$(PYTEST) -m "not slow"

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy deepda osse reanalysis

docs: dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml
	@echo "documentation: build/site/index.html"

weights: venv
	$(BIN)/deepda osse run --output runs/shipped training.error_samples=128 'osse.baselines=[oi]'
	$(BIN)/python benchmarks/ship_weights.py runs/shipped
	$(BIN)/python benchmarks/scores.py --tables

scores: venv
	$(BIN)/python benchmarks/scores.py

real: venv
	$(BIN)/python benchmarks/real.py '$(DATA)'

venv: $(VENV)/.installed
dev: $(VENV)/.installed-dev

define ENVIRONMENT
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
  f"Python 3.11 or newer is needed, {sys.executable} is {sys.version.split()[0]}; try: make PYTHON=python3.12")'
$(PYTHON) -m venv $(VENV)
endef

$(VENV)/.installed: pyproject.toml constraints.txt
	$(ENVIRONMENT)
	$(INSTALL) .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	$(ENVIRONMENT)
	$(INSTALL) '.[dev]'
	@touch $(VENV)/.installed $@
