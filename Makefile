# Every command of this repository. A bare `make` lists them; each does its own set-up first.

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop run test check fmt assurance bench screenshots

# Arguments for `make run` and `make test`, for example: make test ARGS='-p domain'
ARGS ?=
# What `make bench` measures or `make assurance` runs: some rows of its page with commas between them, all when empty
ROWS ?=

help: ## List these commands
	@echo 'Vestry: secrets for workspace servers. Commands:'
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-11s %s\n' "$$name" "$$text"; done

demo: ## Build, start and tour a complete installation in ./demo
	@scripts/setup demo
	@scripts/demo

demo-stop: ## Stop what `make demo` left running
	@scripts/demo stop

run: ## Build with optimisations and start the control plane for real use (ARGS='--listen …')
	@scripts/setup demo
	cargo run --locked --release --package vestry -- serve $(ARGS)

test: ## Run the whole test suite on SQLite and PostgreSQL (ARGS='-p domain' for a part)
	@scripts/setup test
	@scripts/test $(ARGS)

check: ## Run what CI runs: formatting, lints, documentation, tests
	@scripts/setup check
	@scripts/check

fmt: ## Format the code
	cargo fmt --all

assurance: ## Run all tests, those with numbers at full size, into docs/assurance.md (ROWS=races)
	@scripts/setup test
	@scripts/assurance '$(ROWS)'

bench: ## Measure a release build beside this machine's floors into docs/performance.md (ROWS=run,start)
	@scripts/setup bench
	cargo build --locked --release --package vestry
	@python3 benches/bench.py $(ROWS)

screenshots: ## Draw every page, light and dark, wide and narrow, into target/pictures, and a few into docs/pictures
	@scripts/setup screenshots
	@scripts/screenshots
