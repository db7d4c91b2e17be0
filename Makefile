# make demo : set up what is missing, then run the portal with a simulated Zype and a simulated TV; BRAND=FOLDER dresses it
# make test : set up what is missing, then run all tests but those in tests/deployment and the soak
# make test-deployment : set up what is missing, then test what docs/deploy has for other servers
# make test-image : set up what is missing, then build the image of docs/deploy and run it
# make soak : set up what is missing, then send 10,000 PINs to each database while everything fails at random
# make bench : set up what is missing, then measure the portal beside the least that could do its job; ARGS=--quick is short
# make bench-growth : set up what is missing, then measure links with ten million rows beside none; ARGS=--rows=1000000 is shorter
# make bench-launch : set up what is missing, then draw what viewers see on the night of a launch; ARGS=--quick is short
# make bench-page : set up what is missing, then measure how soon the page is seen on a slow phone, beside a bare page
# make screenshots : set up what is missing, then draw the pictures of README.md and docs; ARGS=--check compares them
# make lint : set up what is missing, then check style, types, layers, dead code, dependencies, templates and manifests
# make mutants : set up what is missing, then run mutation tests on a sample of each room
# make translations : bring new texts of the pages into every catalogue, then tell which still need words
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
LINT    = $(VENV)/lint/bin
INSTALL = python -m pip install -q --disable-pip-version-check --require-hashes -r

NODE    = tests/deployment/oidc_provider

BABEL   = $(BIN)/python -m babel.messages.frontend -q
TEXTS  := $(wildcard portal/translations/*/LC_MESSAGES/messages.po)

.DEFAULT_GOAL := help
.PHONY: help demo test test-deployment test-image soak bench bench-growth bench-launch bench-page screenshots lint mutants translations

help:
	@sed -n 's/^# make /make /p' Makefile

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo 'Install venv first: apt-get install python3-venv'; exit 1; }
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.python
	$(BIN)/$(INSTALL) requirements/run.txt
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.run
	$(BIN)/$(INSTALL) requirements/test.txt
	@touch $@

# An environment of its own: the linters bring rich along, and structlog imports it in every process that has it.
$(LINT)/.lint: requirements/lint.txt $(VENV)/.python
	@test -x $(LINT)/python || $(PYTHON) -m venv $(VENV)/lint
	$(LINT)/$(INSTALL) requirements/lint.txt
	@touch $@

%.mo: %.po | $(VENV)/.run
	@$(BABEL) compile -i $< -o $@

demo: $(VENV)/.run $(TEXTS:.po=.mo)
	@$(BIN)/python -m portal demo $(if $(BRAND),--brand $(BRAND)) $(ARGS)

# Compiled tests are kept, whatever the environment says: compiling takes five seconds a process. On two cores there are
# three processes, since one of them waits for a deadline or a process most of the time.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.test $(TEXTS:.po=.mo)
	$(BIN)/python -m pytest -n 3 --dist=loadgroup --ignore=tests/deployment --ignore=tests/faults/test_soak.py $(ARGS)

# The lock names no registry, so that npm takes the one that this machine is set up for.
$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	@npm ci --prefix $(NODE) --ignore-scripts --no-audit --no-fund --silent || echo 'npm could not install oidc-provider.'

# They start servers that the other tests do not need.
test-deployment: export PYTHONDONTWRITEBYTECODE =
test-deployment: $(VENV)/.test $(TEXTS:.po=.mo) $(NODE)/node_modules/.package-lock.json
	$(BIN)/python -m pytest -n 2 --dist=loadgroup --ignore=tests/deployment/test_image.py tests/deployment $(ARGS)

# It downloads a Debian and every package that the portal runs with.
test-image: $(VENV)/.test $(TEXTS:.po=.mo)
	$(BIN)/python -m pytest -n 0 tests/deployment/test_image.py $(ARGS)

# SEED=… repeats what was random in the faults of another run.
soak: $(VENV)/.test $(TEXTS:.po=.mo)
	SOAK_ATTEMPTS=$(or $(ATTEMPTS),10000) SOAK_SEED=$(SEED) $(BIN)/python -m pytest -n 0 -s -q tests/faults/test_soak.py $(ARGS)

bench: $(VENV)/.test $(TEXTS:.po=.mo)
	$(BIN)/python -m tests.benchmarks $(ARGS)

$(VENV)/.bench: requirements/bench.txt $(VENV)/.test
	$(BIN)/$(INSTALL) requirements/bench.txt
	@touch $@

bench-growth: $(VENV)/.bench $(TEXTS:.po=.mo)
	$(BIN)/python -m tests.benchmarks.growth $(ARGS)

bench-launch: $(VENV)/.bench $(TEXTS:.po=.mo)
	$(BIN)/python -m tests.benchmarks.launch $(ARGS)

bench-page: $(VENV)/.test $(TEXTS:.po=.mo)
	$(BIN)/python -m tests.benchmarks.page_paint

screenshots: $(VENV)/.test $(TEXTS:.po=.mo)
	$(BIN)/python -m tests.screenshots.make_screenshots $(ARGS)

$(VENV)/.mutants: requirements/mutants.txt $(VENV)/.test
	$(BIN)/$(INSTALL) requirements/mutants.txt
	@touch $@

mutants: $(VENV)/.mutants $(TEXTS:.po=.mo)
	$(BIN)/python .ci/mutants.py $(ARGS)

lint: $(LINT)/.lint
	$(LINT)/ruff check .
	$(LINT)/ruff format --check .
	$(LINT)/mypy
	$(LINT)/lint-imports --no-logo --no-cache
	$(LINT)/vulture
	$(LINT)/deptry portal
	$(LINT)/djlint --check --lint templates portal/sandbox/templates
	$(LINT)/hadolint docs/deploy/Containerfile
	$(LINT)/kubernetes-validate --strict --quiet docs/deploy/kubernetes/*.yaml
	$(LINT)/python .ci/check_compose.py

translations: $(VENV)/.test
	$(BABEL) extract -F portal/translations/babel.cfg -k lazy_gettext --add-location=file -o $(VENV)/messages.pot .
	$(BABEL) update -i $(VENV)/messages.pot -d portal/translations -w 110 -N --ignore-obsolete --ignore-pot-creation-date
	@$(MAKE) --no-print-directory test ARGS=tests/translations
