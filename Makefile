# What a person gives is text. Make would run the $(shell ...) that it holds wherever it expands or exports it, so each is
# made a plain value first, and a recipe reads it from the environment, as "$$REASON".
GIVEN := ACCOUNT ALONE APPLY COUNT DRY ENFORCE ERRORS EVENT EVENTS FACTOR FUNCTION NAME PORT PULL_REQUEST REASON RUNTIME SEED SERVICE STACK STEPS TO WAIT
define plain
override $(1) := $$(value $(1))
export $(1)
endef
$(foreach name,$(GIVEN),$(if $(filter undefined,$(origin $(name))),,$(eval $(call plain,$(name)))))
FACTOR ?= 40
export FACTOR

PYTHON ?= python3
RUN := .venv/bin/python
# The Pulumi CLI on PATH wins; else the one that the toolchain builds. Asked for only by targets that need it.
WITH_PULUMI = tools="$$($(PYTHON) -m local.toolchain pulumi)" && PATH="$$tools$${tools:+:}$$PATH"
# Likewise Chromium; where apt has none either, the tests of pages are skipped, and pytest says so.
WITH_CHROMIUM = page="$$($(PYTHON) -m local.toolchain chromium)" && PATH="$$page$${page:+:}$$PATH" && $(WITH_PULUMI)
# Most tests wait for simulated time, so four workers keep two cores busy. Groups, and which worker goes first:
# tests/conftest.py. With one seed of hashes the state machine of the release takes the same steps in each run;
# `make properties` takes others.
PYTEST = PYTHONHASHSEED=0 $(RUN) -m pytest -n 4 --no-loadscope-reorder
# npm's packages make bundles, and no other target needs them: an abort does not wait for a registry.
UNLESS_BUILT = $(if $(value STRATA_MANIFEST),,packages)
NEEDS_STACK = : "$${STACK:?say which, e.g. make $@ STACK=dev}"
PIPELINE = $(RUN) -m infra.pipeline
RELEASE = $(RUN) -m infra.release

.DEFAULT_GOAL := help
.PHONY: help service bundle publish-bundle keep rehearsal rehearsal-promotion rehearsal-migration sandbox view policy cloud check test test-all test-aws properties mutants bench captures format venvs python packages
.PHONY: check-types check-rest
.PHONY: lock tools plan deploy by-event story dashboard drift doctor sweep abort rollback redrive unlock access comment environments

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-19s %s\n' "$$name" "$$text"; done

rehearsal: tools packages ## Release a good and a bad version on a laptop, under live traffic
	@$(WITH_PULUMI) $(RUN) -m rehearsal --factor "$$FACTOR" $${ENFORCE:+--enforce}

rehearsal-promotion: tools packages ## Rehearse main.yml on a laptop: one digest through dev and staging to prod; EVENTS=1 by event
	@$(WITH_PULUMI) $(RUN) -m rehearsal.promotion --factor "$$FACTOR" $${ENFORCE:+--enforce} $${EVENTS:+--events}

rehearsal-migration: tools packages ## Move a system from Terraform to Pulumi on a laptop, layer by layer, under live traffic
	@$(WITH_PULUMI) $(RUN) -m rehearsal.migration --factor "$$FACTOR"

sandbox: tools packages ## A local cloud and a copy of the project, for `pulumi up` typed by hand
	@$(WITH_PULUMI) $(RUN) -m rehearsal sandbox --factor "$$FACTOR" $${ENFORCE:+--enforce}

service: venvs ## Write a new service with its test: make service NAME=hello RUNTIME=python (or node)
	@$(RUN) -m infra.services new "$${NAME:?say which, e.g. make service NAME=hello}" $${RUNTIME:+--runtime "$$RUNTIME"} $${ERRORS:+--errors "$$ERRORS"}

bundle: venvs ## The commit's Lambda zips and their manifest into dist/, the same bytes on every machine
	@PATH="$$($(PYTHON) -m local.toolchain uv):$$PATH" $(RUN) -m infra.artifacts build

publish-bundle: python ## Publish the bundles of dist/ to a stack's artifact bucket: make publish-bundle STACK=prod
	@$(NEEDS_STACK); $(RUN) -m infra.artifacts put --stack "$$STACK"

keep: publish-bundle

policy: tools packages ## Preview each stack under the policy pack, as a pull request does
	@$(WITH_PULUMI) $(RUN) -m rehearsal.policy_preview

cloud: python ## The local AWS in the foreground, time running FACTOR times faster
	@local/.venv/bin/python -m local.cloud --factor "$$FACTOR"

plan: tools $(UNLESS_BUILT) ## Show what a deploy would change and release, and what blocks it: make plan STACK=prod
	@$(NEEDS_STACK); $(WITH_PULUMI) $(PIPELINE) plan --stack "$$STACK"

deploy: tools $(UNLESS_BUILT) ## Bring a stack up, and fail unless all its traffic is on what it wants: make deploy STACK=dev
	@$(NEEDS_STACK); levels="policy/levels/$${STACK##*/}.json"; test -f "$$levels" || levels= ; \
		$(WITH_PULUMI) pulumi up --yes --non-interactive --stack "$$STACK" \
		--policy-pack policy $${levels:+--policy-pack-config "$$levels"}
	@$(WITH_PULUMI) $(RELEASE) watch --stack "$$STACK"
	@$(WITH_PULUMI) $(PIPELINE) landed --stack "$$STACK"

by-event: tools ## Deploy what the upstream stack has proved, if this event says so: make by-event STACK=prod EVENT=event.json
	@$(NEEDS_STACK); $(WITH_PULUMI) $(PIPELINE) by-event --stack "$$STACK" $${EVENT:+--event "$$EVENT"} $${WAIT:+--wait "$$WAIT"} $${ALONE:+--alone}

story: tools ## Show where traffic is and how the last releases ended, with a page in .rehearsal: make story STACK=dev
	@$(NEEDS_STACK); $(WITH_PULUMI) $(PIPELINE) story --stack "$$STACK"

drift: tools ## Fail if AWS differs from the stack's state: make drift STACK=prod
	@$(NEEDS_STACK); $(WITH_PULUMI) $(PIPELINE) drift --stack "$$STACK"

view: tools packages ## Serve a page on this machine that shows a stack's release live: make view STACK=prod [PORT=8080]
	@$(NEEDS_STACK); $(WITH_PULUMI) $(RELEASE) view --stack "$$STACK" $${PORT:+--port "$$PORT"}

dashboard: tools ## Print DORA's four keys, beside the stack's dashboard in CloudWatch: make dashboard STACK=prod
	@$(NEEDS_STACK); $(WITH_PULUMI) $(RELEASE) history --stack "$$STACK" --keys

doctor: tools ## Check that a release can work and that its alarms can fire: make doctor STACK=prod
	@$(NEEDS_STACK); $(WITH_PULUMI) $(RELEASE) doctor --stack "$$STACK"

sweep: tools ## Delete the verdict alarms that no release needs any more: make sweep STACK=prod
	@$(NEEDS_STACK); $(WITH_PULUMI) $(RELEASE) sweep --stack "$$STACK"

abort: tools ## Bring a canary back: make abort STACK=prod REASON="orders without a currency" [FUNCTION=...]
	@$(NEEDS_STACK); $(WITH_PULUMI) $(RELEASE) abort --stack "$$STACK" --reason "$$REASON" $${FUNCTION:+--function "$$FUNCTION"}

rollback: tools ## Go back to what was live before: make rollback STACK=prod REASON="..." [FUNCTION=...]
	@$(NEEDS_STACK); $(WITH_PULUMI) $(RELEASE) rollback --stack "$$STACK" --reason "$$REASON" $${FUNCTION:+--function "$$FUNCTION"}

redrive: tools ## Give a service its dead letters again; DRY=true shows them: make redrive STACK=prod SERVICE=fulfilment
	@$(NEEDS_STACK); : "$${SERVICE:?say which, e.g. make redrive STACK=prod SERVICE=fulfilment}"; \
		$(WITH_PULUMI) $(RUN) -m infra.services redrive --stack "$$STACK" --service "$$SERVICE" $${DRY:+--dry-run}

unlock: tools ## Release a lock whose holder is gone; ALONE=true: no other job is at work: make unlock STACK=dev
	@$(NEEDS_STACK); $(WITH_PULUMI) $(PIPELINE) unlock --stack "$$STACK" $${ALONE:+--alone}

access: python ## Print the role and the state of a stack, for TO=deploy, preview or build: make access STACK=prod
	@$(NEEDS_STACK); $(PIPELINE) access --stack "$$STACK" $${TO:+--to "$$TO"}

comment: python ## Write the plans below a pull request: make comment PULL_REQUEST=12
	@$(PIPELINE) comment --pull-request "$${PULL_REQUEST:?say which, e.g. make comment PULL_REQUEST=12}"

environments: python ## List how GitHub's environments differ from the configured ones; APPLY=1 corrects them
	@$(PIPELINE) environments $${APPLY:+--apply}

check: venvs ## Lint, types, import contracts, TypeScript, HCL and what stacks read of it, workflows
	@$(MAKE) --no-print-directory -j 2 check-types check-rest

# mypy keeps what it knows of packages by their names: each environment has its own.
check-types:
	@.venv/bin/mypy __main__.py
	@.venv/bin/mypy bootstrap/__main__.py
	@.venv/bin/mypy -p infra -p app -p rehearsal -p bench -p tests -p local.tests
	@.venv/bin/mypy --cache-dir .mypy_cache/local --python-executable local/.venv/bin/python --exclude ^local/tests/ -p local
	@.venv/bin/mypy --cache-dir .mypy_cache/policy --python-executable policy/.venv/bin/python -p policy

check-rest:
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/lint-imports
	@$(PYTHON) -m local.toolchain node check
	@$(PYTHON) -m local.toolchain hcl terraform-legacy
	@$(PYTHON) -m local.toolchain workflows .github/workflows
	@.venv/bin/zizmor --quiet --offline --persona pedantic .github
	@$(RUN) -m pytest -q tests/unit/test_house.py tests/unit/test_legacy_contract.py tests/workflows

test: tools packages ## Unit, layers, local cloud, the real Pulumi CLI; the faults that are left out are counted as deselected
	@$(PYTHON) -m local.toolchain node test
	@$(WITH_CHROMIUM) $(PYTEST) -m "not faults"

test-all: tools packages ## Every test, every fault on the real CLI among them
	@$(PYTHON) -m local.toolchain node test
	@$(WITH_CHROMIUM) $(PYTEST)

test-aws: tools ## Ask a real account what no page of AWS says, into docs/aws.md: make test-aws ACCOUNT=123456789012
	@$(WITH_PULUMI) STRATA_TEST_ACCOUNT="$$ACCOUNT" STRATA_AWS_PAGE=docs/aws.md $(RUN) -m pytest tests/aws

properties: python ## Drive the release through STEPS random steps of faults, crashes and hands, and long property tests
	@STRATA_STEPS="$${STEPS:-200000}" $(RUN) -m pytest -q tests/unit/test_release_machine.py

mutants: venvs ## The share of COUNT random mutants of what decides that the unit tests kill; SEED draws others
	@$(RUN) -m tests.mutants --seed "$${SEED:-1}" --count "$${COUNT:-200}"

bench: tools packages ## Paired measurements into .bench/, and the tables and plots of docs/verdict.md
	@$(WITH_CHROMIUM) $(RUN) -m bench

format: python ## Format the code
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

lock: ## Resolve every requirements.in and package.json into its lock
	@$(PYTHON) -m local.toolchain lock

captures: tools packages ## Draw a rehearsal, and what the operator's commands show, into docs/captures
	@$(WITH_CHROMIUM) $(RUN) -m rehearsal captures --factor "$$FACTOR"

venvs: python packages ## Fill the virtual environments, and each node_modules, from their locks

python:
	@$(PYTHON) -m local.toolchain venvs

packages:
	@$(PYTHON) -m local.toolchain packages

tools: python ## Find or build the Pulumi CLI
	@$(PYTHON) -m local.toolchain pulumi >/dev/null
