# Two commands do all the set-up on a fresh machine: `make quarter` (main job on the example data) and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CHROMIUM ?= chromium
CHROMIUM_FLAGS := --headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update \
	--disable-sync --no-first-run --hide-scrollbars

.PHONY: quarter test soak cluster-demo lab bench gallery dictionary docs clean help
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

quarter: $(READY)  ## the main job on the example data: nine reports into parameterized_runs/
	$(BIN)/traeger quarter 2026Q1 data/beispiel
	$(BIN)/traeger quarter 2027Q1 data/aufsuchende_hilfe

test: $(READY)  ## style, types and tests, with seeded samples of the large counts
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile

soak: $(READY)  ## the large counts
	$(BIN)/python -m pytest -n 2 -m soak

cluster-demo: $(READY)  ## the example on a scheduler and two workers on this machine, compared with the run without them
	set -e; out=$$(mktemp -d); $(BIN)/dask scheduler --host tcp://127.0.0.1:8786 --no-dashboard > $$out/log 2>&1 & p=$$!; \
	for w in eins zwei; do $(BIN)/dask worker tcp://127.0.0.1:8786 --nthreads 1 --name $$w --no-dashboard >> $$out/log 2>&1 & p="$$p $$!"; done; \
	trap "kill $$p; wait; rm -rf $$out" EXIT; trap "exit 1" INT TERM; \
	$(BIN)/traeger quarter 2026Q1 data/beispiel --out $$out/cluster --cluster tcp://127.0.0.1:8786; \
	$(BIN)/traeger quarter 2026Q1 data/beispiel --out $$out/hier; \
	for f in $$out/hier/*/*.html $$out/hier/*/*.json $$out/hier/*/*.xlsx $$out/hier/*/*.yaml; do \
		case $$f in */manifest.json) ;; *) cmp $$f $$out/cluster/$${f#$$out/hier/};; esac; done; echo "Alle Dateien gleich."

lab: $(READY)  ## JupyterLab on the notebooks, this machine only
	$(BIN)/traeger lab

bench: $(READY)  ## speed and memory as ratios against named peers, one run
	for f in benchmarks/bench_*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

gallery: quarter  ## pictures of the example reports and of the bench (needs Chromium)
	mkdir -p docs/bilder
	for page in BSP-NORD/bericht BSP-FLUSS/bericht BSP-NORD/bericht_interessenvertretung index; do \
		$(CHROMIUM) $(CHROMIUM_FLAGS) --user-data-dir=$$(mktemp -d) --window-size=1024,1600 \
		--screenshot=docs/bilder/$$(echo $$page | tr / -).png "file://$(CURDIR)/parameterized_runs/2026Q1/$$page.html"; done
	d=$$(mktemp -d); TRAEGER_BILDER=$$d $(BIN)/python -m pytest -q tests/test_bench_browser.py && \
		cp $$d/voila-drei-aenderungen.png docs/bilder/werkbank.png
	$(BIN)/python docs/verkleinern.py docs/bilder

dictionary: $(READY)  ## write the data dictionary and the handbook of methods from their sources
	$(BIN)/python docs/bauen.py --texte

docs: $(READY)  ## the handbook as a static site in docs/_site
	$(BIN)/python docs/bauen.py

clean:  ## remove what was built (not the data)
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
