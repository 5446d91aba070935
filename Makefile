# make run     the main job: on MUSIC=folder, or on a demo library that is synthesised
# make test    everything that ./check checks
# make .venv   the environment alone
PYTHON ?= python3
REQUIREMENTS ?= requirements/cpu.txt
LIBRARY ?= library
MUSIC ?=

.PHONY: run test lock .venv

run: .venv
	.venv/bin/audiosim run $(if $(MUSIC),"$(MUSIC)") --library "$(LIBRARY)"

test: .venv
	./check

# One stamp a requirements file, so that asking for another one installs it.
STAMP = .venv/$(notdir $(REQUIREMENTS)).installed

.venv: $(STAMP)

$(STAMP): $(REQUIREMENTS) pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "audiosim needs Python 3.11, 3.12 or 3.13, this is %d.%d; set PYTHON=python3.12, say" % v)'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Pin anew what pyproject.toml asks for; needs uv. The files name no host.
LOCK = uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml --extra build
lock:
	$(LOCK) --extra dev --output-file requirements/cpu.txt
	$(LOCK) --extra gpu --output-file requirements/gpu.txt
