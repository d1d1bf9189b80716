PYTHON ?= python3
FACTOR ?= 40
ENFORCE ?=
RUN := .venv/bin/python
# The Pulumi CLI on PATH wins; else the one that the toolchain builds. Asked for only by targets that need it.
WITH_PULUMI = tools="$$($(PYTHON) -m local.toolchain pulumi)" && PATH="$$tools$${tools:+:}$$PATH"

.DEFAULT_GOAL := help
.PHONY: help bundle rehearsal sandbox policy cloud check test test-all test-aws bench captures format venvs lock tools

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

rehearsal: tools ## Release a good and a bad version on a laptop, under live traffic
	@$(WITH_PULUMI) $(RUN) -m rehearsal --factor $(FACTOR) $(if $(ENFORCE),--enforce)

sandbox: tools ## A local cloud and a copy of the project, for `pulumi up` typed by hand
	@$(WITH_PULUMI) $(RUN) -m rehearsal sandbox --factor $(FACTOR) $(if $(ENFORCE),--enforce)

bundle: venvs ## The commit's Lambda zips and their manifest into dist/, the same bytes on every machine
	@PATH="$$($(PYTHON) -m local.toolchain uv):$$PATH" $(RUN) -m infra.artifacts build

policy: tools ## Preview each stack under the policy pack, as a pull request does
	@$(WITH_PULUMI) $(RUN) -m rehearsal.pull_request

cloud: venvs ## The local AWS in the foreground, time running FACTOR times faster
	@local/.venv/bin/python -m local.cloud --factor $(FACTOR)

check: venvs ## Lint, types, import contracts, HCL
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy __main__.py
	@.venv/bin/mypy bootstrap/__main__.py
	@.venv/bin/mypy -p infra -p app -p rehearsal -p bench -p tests
	@.venv/bin/mypy --python-executable local/.venv/bin/python -p local
	@.venv/bin/mypy --python-executable policy/.venv/bin/python -p policy
	@.venv/bin/lint-imports
	@$(PYTHON) -m local.toolchain hcl terraform-legacy
	@$(RUN) -m pytest -q tests/unit/test_house.py

test: tools ## Unit, layers, local cloud, the real Pulumi CLI; the faults that are left out are counted as deselected
	@$(WITH_PULUMI) $(RUN) -m pytest -m "not faults"

test-all: tools ## Every test, every fault on the real CLI among them; writes the table of faults in README.md
	@$(WITH_PULUMI) $(RUN) -m pytest && $(RUN) -m tests.rehearsal.reliability

test-aws: venvs ## What only a real account can settle: make test-aws ACCOUNT=123456789012
	@STRATA_TEST_ACCOUNT=$(ACCOUNT) $(RUN) -m pytest tests/aws

bench: tools ## Paired measurements into .bench/, and the tables and plots of docs/verdict.md
	@$(WITH_PULUMI) $(RUN) -m bench

format: venvs ## Format the code
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

lock: ## Resolve every requirements.in into its lock
	@$(PYTHON) -m local.toolchain lock

captures: tools ## Draw what the operator's commands show into docs/captures
	@$(WITH_PULUMI) $(RUN) -m rehearsal captures --factor $(FACTOR)

venvs: ## Fill the virtual environments from their locks
	@$(PYTHON) -m local.toolchain venvs

tools: venvs ## Find or build the Pulumi CLI
	@$(PYTHON) -m local.toolchain pulumi >/dev/null
