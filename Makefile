# One virtual environment serves every target. It is installed again only when pyproject.toml or constraints.txt change.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help demo test lint format bench docs clean

help:
	@echo "make demo    the tour: plan, initialize and train on real digits; writes tour.html"
	@echo "make test    every test, with coverage"
	@echo "make lint    formatting, lint rules, types"
	@echo "make format  rewrite the files as ruff formats them"
	@echo "make bench   time and memory beside torch.nn.init; writes out/bench.json"
	@echo "make docs    rewrite the generated parts of the docs and the READMEs"
	@echo "make clean   remove the environment and every build output"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("firststep needs Python >= 3.10; try: make PYTHON=python3.11" if sys.version_info < (3, 10) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,lint]"
	@touch $@

demo: $(STAMP)
	$(BIN)/firststep tour

# Two workers on two cores: one torch thread each.
test: export OMP_NUM_THREADS := 1
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py --json out/bench.json

docs: $(STAMP)
	$(BIN)/python tools/make_docs.py

clean:
	rm -rf .venv build dist out .coverage .pytest_cache .ruff_cache .hypothesis src/*.egg-info
