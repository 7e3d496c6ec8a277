# The commands of the project. `make test` is all of them that have to pass; CI calls nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
RESULTS := $(CARGO_TARGET_DIR)/test
TOOLS := $(CARGO_TARGET_DIR)/tools

PYTHON := $(TOOLS)/bin/python

.PHONY: help setup packages lint test test-api test-schema test-web test-deploy package torture torture-breakages bench lighthouse openapi architecture

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | column -t -s "$$(printf '\t')"

setup: packages $(TOOLS)/installed web/node_modules/.package-lock.json ## Install what the tests need: Debian, npm and PyPI packages

packages:
	@.ci/install-packages

$(TOOLS)/installed: .ci/requirements.txt | packages
	python3 -m venv --clear $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--requirement .ci/requirements.txt
	@touch $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json web/.npmrc
	cd web && npm ci
	@touch $@

lint: setup ## Check formatting and lints of the service and the client, and the licences and sources of dependencies
	cargo fmt --all --check
	$(TOOLS)/bin/cargo-deny --locked check --hide-inclusion-graph licenses bans sources
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --all-targets --features failpoints -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings
	cd web && npm run lint
	$(TOOLS)/bin/ruff check --no-cache deploy/tests
	$(TOOLS)/bin/ruff format --no-cache --check deploy/tests

test-api: setup ## Test the service: units, then over HTTP on SQLite, MariaDB and S3
	@mkdir -p $(RESULTS)
	RUST_BACKTRACE=0 cargo test --locked --features failpoints 2>&1 | tee $(RESULTS)/api.log

test-schema: setup ## Call the service by its own OpenAPI document, with what fits and what does not
	@mkdir -p $(RESULTS)
	cargo build --locked
	.ci/test-schema $(CARGO_TARGET_DIR)/debug/image-handler $(TOOLS)/bin/schemathesis 2>&1 | tee $(RESULTS)/schema.log

test-web: setup ## Test the client: units, then in Chromium against the real binary
	@mkdir -p $(RESULTS)
	cargo build --locked
	cd web && npm test 2>&1 | tee $(RESULTS)/web.log
	cd web && IMAGE_HANDLER_BIN=$(CARGO_TARGET_DIR)/debug/image-handler npm run e2e 2>&1 | tee $(RESULTS)/e2e.log

# What builds the Debian package. Compiled, because it comes as source alone.
CARGO_DEB_VERSION := 3.8.0
CARGO_DEB := $(CARGO_TARGET_DIR)/cargo-deb-$(CARGO_DEB_VERSION)/bin/cargo-deb
export CARGO_DEB

$(CARGO_DEB):
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/tools-build cargo install --quiet --locked --version $(CARGO_DEB_VERSION) \
		--root $(CARGO_TARGET_DIR)/cargo-deb-$(CARGO_DEB_VERSION) cargo-deb
	rm -rf $(CARGO_TARGET_DIR)/tools-build

ARCH ?= $(shell dpkg --print-architecture)

package: $(CARGO_DEB) ## Build the Debian package into target/debian/, its SHA-256 beside it; ARCH=arm64 for the other one
	.ci/install-packages package
	rm -f $(CARGO_TARGET_DIR)/debian/image-handler_*_$(ARCH).deb*
	deploy/debian/build $(ARCH)

test-deploy: setup package ## Test what it takes to run on AWS: templates, role, nginx, package, scripts
	@mkdir -p $(RESULTS)
	cargo build --locked
	cd deploy/tests && IMAGE_HANDLER_BIN=$(CARGO_TARGET_DIR)/debug/image-handler PYTHONDONTWRITEBYTECODE=1 \
		IMAGE_HANDLER_DEB=$$(echo $(CARGO_TARGET_DIR)/debian/image-handler_*_$(ARCH).deb) \
		$(PYTHON) -m pytest --numprocesses=2 --dist=loadfile 2>&1 | tee $(RESULTS)/deploy.log

test: lint test-api test-schema test-web test-deploy ## Run every check and every test
	@echo; echo "The runners' counts:"
	@cd $(RESULTS) && grep -oE '(NOT RUN: .*|(hostile|privacy|memory|outage|durability|breakages|backlog|torture): .*|^test result.*|^(#|ℹ) (tests|pass|fail|cancelled|skipped) .*)' api.log web.log e2e.log
	@cd $(RESULTS) && grep -E ' generated, |^=+ .* in [0-9.]+s =' schema.log
	@cd $(RESULTS) && grep -oE '(NOT RUN: .*|^=+ .* in [0-9.]+s.*)' deploy.log

# What the long form and the table of breakages have in common.
DURABILITY = RUST_BACKTRACE=0 cargo test --locked --features failpoints --test api durability::

torture: setup ## Kill the service 1,000 times, cut its power 100 times, take S3 and the database away: the long form
	@mkdir -p $(RESULTS)
	TORTURE=long $(DURABILITY) -- --nocapture --test-threads=1 2>&1 | tee $(RESULTS)/torture.log
	@echo; echo "The figures:"; grep -oE '(NOT RUN|durability|breakages): .*' $(RESULTS)/torture.log

torture-breakages: setup ## Break each promise on purpose and print what the harness notices
	@mkdir -p $(RESULTS)
	$(DURABILITY)breakages -- --nocapture --test-threads=1 >$(RESULTS)/breakages.log 2>&1 || { cat $(RESULTS)/breakages.log; exit 1; }
	@grep -oE '(NOT RUN|breakages): .*' $(RESULTS)/breakages.log

# The program that is served is measured, built without what tests add to its dependencies.
BENCH := $(CARGO_TARGET_DIR)/bench
bench: packages ## Measure the service beside what it stands on; PARTS=uploads,reads for parts of it, QUICK=1 for one short round
	cargo build --locked --release
	@mkdir -p $(BENCH)
	cp $(CARGO_TARGET_DIR)/release/image-handler $(BENCH)/image-handler
	@case ",$${PARTS:-codecs}," in *,codecs,*) cargo bench --locked --bench codecs -- $(if $(QUICK),--quick) ;; esac
	IMAGE_HANDLER_BIN=$${IMAGE_HANDLER_BIN:-$(BENCH)/image-handler} BENCH_DIR=$(BENCH) cargo bench --locked --bench service

lighthouse: setup ## Score the page with Lighthouse, as a phone and as a desktop loads it; the reports go to target/lighthouse/
	cargo build --locked --release
	cd web && IMAGE_HANDLER_BIN=$${IMAGE_HANDLER_BIN:-$(CARGO_TARGET_DIR)/release/image-handler} node lighthouse.js $(CARGO_TARGET_DIR)/lighthouse

openapi: ## Write openapi/openapi.json anew from the code
	cargo run --locked --quiet -- openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

architecture: packages ## Draw deploy/architecture.svg anew from its text
	dot -Tsvg deploy/architecture.dot > deploy/architecture.svg.new
	mv deploy/architecture.svg.new deploy/architecture.svg
