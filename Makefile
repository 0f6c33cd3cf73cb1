# Needs make and a Python from 3.11 to 3.13 with venv; the rest is installed into .venv.
PYTHON ?= python3
PORT ?= 8000
BIN = .venv/bin
CODE = dlnlib tests tools _ext $(wildcard benchmarks)
PROSE = README.md intro.md $(wildcard chapters/*.md) references.md references.bib CITATION.cff
NOTEBOOKS = $(shell grep -sl 'format_name: myst' intro.md chapters/*.md)
PIP = $(BIN)/python -m pip install -qq --disable-pip-version-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

book: .venv/ready ## execute what has changed and build the book strictly
	@start=$$(date +%s); \
	$(BIN)/python tools/execute_chapters.py || exit; \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter-book build -q -W -n --keep-going . >/dev/null \
	  || { rm -rf _build/.doctrees; exit 1; }; \
	echo "built in $$(($$(date +%s) - start)) s: open file://$(CURDIR)/_build/html/index.html"

serve: ## serve the built book on loopback, at PORT
	$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

chapter: .venv/ready ## execute one chapter into a notebook: make chapter NAME=section-1-3
	@test -f chapters/$(NAME).md || { echo "which chapter? try NAME=section-1-3"; exit 2; }
	@mkdir -p _build/chapters
	@$(BIN)/jupytext --quiet --to ipynb --execute --run-path chapters \
	  -o _build/chapters/$(NAME).ipynb chapters/$(NAME).md
	@echo "executed: _build/chapters/$(NAME).ipynb"

test: .venv/ready ## run the tests
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n logical

bench: .venv/ready ## run the benchmarks
	@for file in benchmarks/*.py; do echo "$$file"; $(BIN)/python "$$file" || exit; done

ledger: .venv/ready ## measure the statements of the paper and print the ledger
	$(BIN)/python -m dlnlib.claims --cache _build/claims

paper: .venv/ready ## compute the tables of chapters/data: two hours; resumes
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tools/paper_scale.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tools/hypotheses.py

lint: .venv/ready ## check style, types, docstrings, spelling, workflows
	@echo "ruff: $(CODE)"
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ruff format --quiet --check $(CODE)
	@echo "ruff: cells of the chapters"
	@for page in $(NOTEBOOKS); do $(BIN)/jupytext --quiet --to py:percent -o - $$page | \
	  $(BIN)/ruff check --quiet --config tools/ruff-cells.toml --stdin-filename $$page.py - \
	  || failed=1; done; test -z "$$failed"
	@echo "mypy: dlnlib"
	@$(BIN)/mypy --no-error-summary dlnlib
	@echo "numpydoc: dlnlib"
	@$(BIN)/python tools/lint_docstrings.py
	@echo "codespell: code and prose"
	@$(BIN)/codespell $(CODE) $(PROSE)
	@echo "check-jsonschema: workflows, CITATION.cff"
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff
	@echo "zizmor: workflows"
	@$(BIN)/zizmor --offline --quiet .github/workflows

lock: .venv/ready ## resolve the dependencies anew: make lock [UPGRADE=--upgrade]
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" --quiet $(UPGRADE) -o requirements.lock

clean: ## remove everything that make made
	rm -rf .venv _build .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/locked: requirements.lock
	@echo "installing requirements.lock into .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) --require-hashes -r requirements.lock
	@touch $@

.venv/ready: .venv/locked pyproject.toml
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

.PHONY: help book serve chapter test bench ledger paper lint lock clean
