# make demo       install into .venv and analyse a capture of a broken network
# make test       format, types, import contract and tests, without those marked slow
# make test-all   the same with every test
# make examples   write the reports of samples/ anew, and the golden reports of the tests, which they are
# make bench      ipipdiag beside capinfos and tshark: one and five million frames, pcapng, a start, the packets of two NICs
# make nasty      captures made to hurt: time, memory and what the report says of each
# make environments   the same reports under other Pythons and the lowest versions of the libraries
# make audit      known vulnerabilities in the pinned set of libraries, where their list can be had
# make pin        write .ci/requirements.txt anew: versions and hashes of what the tests run with
# make fuzz       fuzz the readers, the decoder, BGP, the cluster loaders and redaction, FUZZ_SECONDS each (60) or FUZZ_INPUTS
# make clean      remove what these made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PINNED := .ci/requirements.txt
BENCH := build/million-frames.pcap
BENCH_PCAPNG := build/million-frames.pcapng
BENCH_FIVE := build/five-million-frames.pcap
BENCH_SMALL := samples/01-healthy-cross-node/a-cali817517c44ab.pcap
BENCH_NICS := build/nic-of-one-node.pcap build/nic-of-another.pcap
FUZZ_SECONDS ?= 60

.PHONY: demo test test-all lint examples bench nasty environments audit pin fuzz clean

# analyze exits with 1 where it finds a fault, which in this sample it must
demo: $(VENV)/installed
	@status=0; $(BIN)/ipipdiag analyze samples/07-underlay-drops-proto4/*.pcap || status=$$?; \
	if [ $$status -ne 1 ]; then echo "analyze ended with $$status where 1 (a fault was found) was expected" >&2; exit 1; fi

test: lint
	$(BIN)/python -m pytest -n 2 -rs -m "not slow"

test-all: lint
	$(BIN)/python -m pytest -n auto -rs

# the import contract is tested by tests/test_architecture.py
lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

examples: $(VENV)/installed-dev
	$(BIN)/python -m pytest -q -n 2 tests/test_golden.py --update-golden

bench: $(VENV)/installed $(BENCH) $(BENCH_PCAPNG) $(BENCH_FIVE) $(BENCH_NICS)
	$(BIN)/python tests/benchmarks/compare.py $(BENCH) --small $(BENCH_SMALL)
	$(BIN)/python tests/benchmarks/compare.py $(BENCH_PCAPNG)
	$(BIN)/python tests/benchmarks/compare.py $(BENCH_FIVE) --rounds 1
	$(BIN)/python tests/benchmarks/compare.py $(firstword $(BENCH_NICS)) --peer $(lastword $(BENCH_NICS)) --rounds 1

nasty: $(VENV)/installed
	$(BIN)/python tests/benchmarks/nasty.py build/nasty

environments: $(VENV)/installed
	$(BIN)/python tests/environments/compare.py

audit: | $(BIN)/pip
	$(BIN)/python .ci/audit.py $(PINNED) build/audit

pin: | $(BIN)/pip
	$(PIP) install uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --generate-hashes \
		--custom-compile-command 'make pin' --output-file $(PINNED) setup.cfg

fuzz: $(VENV)/installed-dev
	-$(PIP) install --editable '.[fuzz]'
	$(BIN)/python tests/fuzzing/fuzz.py --seconds $(FUZZ_SECONDS) $(if $(FUZZ_INPUTS),--inputs $(FUZZ_INPUTS))

$(BENCH) $(BENCH_PCAPNG): tests/benchmarks/generate.py | $(VENV)/installed
	@mkdir -p $(@D)
	$(BIN)/python tests/benchmarks/generate.py $@

$(BENCH_FIVE): tests/benchmarks/generate.py | $(VENV)/installed
	@mkdir -p $(@D)
	$(BIN)/python tests/benchmarks/generate.py $@ --frames 5000000

$(BENCH_NICS) &: tests/benchmarks/generate.py | $(VENV)/installed
	@mkdir -p $(@D)
	$(BIN)/python tests/benchmarks/generate.py $(firstword $(BENCH_NICS)) --peer $(lastword $(BENCH_NICS))

$(BIN)/pip:
	@bash .ci/make_venv.sh $(PYTHON) $(VENV)

$(VENV)/installed: setup.cfg pyproject.toml | $(BIN)/pip
	$(PIP) install --editable .
	@touch $@

$(VENV)/installed-dev: setup.cfg pyproject.toml $(PINNED) | $(BIN)/pip
	$(PIP) install --require-hashes --requirement $(PINNED)
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find ipipdiag tests -name __pycache__ -type d -prune -exec rm -rf {} +
