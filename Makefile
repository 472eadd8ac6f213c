# The front door.  make install | demo | test | bench | format
#
# The marks .venv/.installed, .tests and .bench are files: pip runs again only when pyproject.toml
# or constraints.txt is newer.  PYTHON=python3.12 chooses another interpreter.

PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt
PINS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help install demo test bench format constraints clean
.SUFFIXES:

help:
	@printf '%s\n' \
	  'make install   .venv with malmoi in it, pinned' \
	  'make demo      install, then train five language models on one text and compare them' \
	  'make test      install with the tests'\'' tools, then lint, types, floors, tests' \
	  'make bench     our speed beside its peers; ONLY=lstm for a part' \
	  'make format    the formatter and what the linter can mend'

install: .venv/.installed

demo: .venv/.installed
	$(BIN)/malmoi compare --data python-docs --models ngram,elman,gru,lstm,gpt --budget 4m --to runs/demo
	@printf '%s\n' '' \
	  'Open runs/demo/report.html in a browser.  What to try next:' '' \
	  '  .venv/bin/malmoi compare --data my.txt --budget 5m --to runs/mine   # your own text, a sentence a line' \
	  '  .venv/bin/malmoi next runs/demo/lstm "The statement"                # the ten likeliest next words' \
	  '  .venv/bin/malmoi generate runs/demo/gpt --prompt "The" --n 3        # let it write' \
	  '  .venv/bin/malmoi check runs/demo/lstm                               # the laws a model must keep' \
	  '  .venv/bin/malmoi --help'

test: .venv/.tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -r a -n $(JOBS) --dist loadfile $(TESTS)

bench: .venv/.bench
	$(BIN)/python -m benchmarks $(ONLY)

format: .venv/.tests
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: .venv/.tests .venv/.bench
	@{ sed -n '/^#/p' constraints.txt; \
	   $(BIN)/python -m pip freeze --all --exclude malmoi --exclude pip | sed 's/+cpu$$//'; \
	   grep '^hatchling' constraints.txt; } > constraints.new && mv constraints.new constraints.txt

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "malmoi needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "hint: make $(or $(MAKECMDGOALS),install) PYTHON=python3.12" >&2; exit 2; }
	@echo "1/2  making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { \
	  echo "hint: on Debian and Ubuntu, apt install python3-venv" >&2; rm -rf .venv; exit 2; }

.venv/.installed: $(PINS) | .venv/bin/python
	@echo "2/2  installing malmoi and what it needs (PyTorch is the large one: minutes, once)"
	$(PIP) --editable .
	@touch $@

.venv/.tests: .venv/.installed $(PINS)
	$(PIP) --editable '.[test]'
	@echo 'building kenlm, an oracle of the tests, from source'
	@$(PIP) --quiet --editable '.[kenlm]' > .venv/kenlm.log 2>&1 || { \
	  if test "$(CI)" = true; then cat .venv/kenlm.log >&2; exit 1; fi; \
	  echo 'kenlm was not built: its tests will be reported as not run (.venv/kenlm.log says why)' >&2; }
	@touch $@

.venv/.bench: .venv/.tests $(PINS)
	$(PIP) --editable '.[bench]'
	@touch $@
