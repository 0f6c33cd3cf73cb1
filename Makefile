# Needs make and a Python from 3.11 to 3.13 with venv; the rest is installed into .venv.
# Python compiles what is imported; pip would take as long again to compile all that is installed.
PYTHON ?= python3
PORT ?= 8000
BIN = .venv/bin
PIP = $(BIN)/python -m pip install -qq --disable-pip-version-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

book: .venv/ready ## execute what has changed and build the book strictly
	@start=$$(date +%s); \
	$(BIN)/python tools/execute_chapters.py || exit; \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter-book build -q -W -n --keep-going . >/dev/null \
	  || { rm -rf _build/.doctrees; exit 1; }; \
	echo "built in $$(($$(date +%s) - start)) s: open file://$(CURDIR)/_build/html/index.html"

serve: ## serve the built book on loopback, at PORT
	$(PYTHON) -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

pdf: .venv/ready ## print the whole book into _build/dlnbook.pdf; needs Chromium
	$(BIN)/python tools/print_book.py

lite: .venv/ready ## add JupyterLite to the built book, for readers with a network
	$(BIN)/python tools/notebook_lite.py

# Two workers at least: most of a check is waiting for a page.
check-site: .venv/ready ## open every page of the built book in Chromium and check what readers meet
	@test -f _build/html/index.html || { echo "no site in _build/html: run make book first"; exit 2; }
	$(BIN)/python -m pytest -q -rs -n 2 --confcutdir site_tests site_tests

chapter: .venv/ready ## execute one chapter into a notebook: make chapter NAME=section-1-3
	@test -f chapters/$(NAME).md || { echo "which chapter? try NAME=section-1-3"; exit 2; }
	@mkdir -p _build/chapters
	@OPENBLAS_NUM_THREADS=1 $(BIN)/jupytext --quiet --to ipynb --execute --run-path chapters \
	  -o _build/chapters/$(NAME).ipynb chapters/$(NAME).md
	@echo "executed: _build/chapters/$(NAME).ipynb"

test: .venv/ready ## run the tests, and the examples of the docstrings
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n logical $(if $(MARK),-m $(MARK))

bench: .venv/ready ## run the benchmarks
	@for file in benchmarks/*.py; do echo "$$file"; $(BIN)/python "$$file" || exit; done

ledger: .venv/ready ## measure the statements of the paper and print the ledger
	$(BIN)/python -m ledger --cache _build/claims

paper: export SCHEDULER := $(SCHEDULER)
paper: .venv/ready ## compute the tables of chapters/data: two hours; resumes [SCHEDULER=tcp://…]
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tools/paper_scale.py
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tools/hypotheses.py
	$(MAKE) test MARK=slow

lint: .venv/ready ## check style, types, docstrings, spelling, workflows: .pre-commit-config.yaml
	@$(BIN)/pre-commit run --files $$(git ls-files --cached --others --exclude-standard)

package: .venv/ready ## build the wheel and the source archive into dist, and check them
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --quiet
	@$(BIN)/twine check --strict dist/*
	@$(BIN)/check-wheel-contents dist/*.whl

lock: .venv/ready ## resolve the dependencies anew: make lock [UPGRADE=--upgrade]
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" --quiet $(UPGRADE) -o requirements.lock

clean: ## remove everything that make made
	rm -rf .venv _build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

.venv/locked: requirements.lock
	@echo "installing requirements.lock into .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) --no-compile --require-hashes -r requirements.lock
	@touch $@

.venv/ready: .venv/locked pyproject.toml
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

.PHONY: help book pdf lite serve check-site chapter test bench ledger paper lint package lock clean
