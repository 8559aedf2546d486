# mq: everything a person or CI runs starts here. `make help` lists the targets.

BUN_VERSION := 1.4.5
# Bun from the PATH if it is the pinned version, else a copy inside the project, never a global one.
BUN := $(shell [ "$$(bun --version 2>/dev/null)" = $(BUN_VERSION) ] && command -v bun || echo .tools/bin/bun)

# For example bun-linux-arm64, bun-linux-x64-musl, bun-darwin-arm64; empty is this machine.
TARGET ?=
CC ?= cc
CFLAGS := -std=c11 -O2 -g -fPIC -Wall -Wextra -Werror
SQLITE_HEADERS := node_modules/better-sqlite3/deps/sqlite3
NATIVE := build/native/mqcore.so
BINARY := dist/mq$(if $(TARGET),-$(TARGET:bun-%=%))
# Another platform's storage core needs its compiler (CROSS_CC="zig cc -target aarch64-linux-gnu");
# without one that binary runs on the slower TypeScript twin of the core.
CROSS_CC ?=
CORE := $(if $(TARGET),$(if $(CROSS_CC),build/native/$(TARGET)/mqcore.so),$(NATIVE))
CORE_DEFINE := $(if $(TARGET),--define MQ_NATIVE='"$(if $(CROSS_CC),../../$(CORE),none)"')

SUITES = $(filter-out test/interop test/golden test/support,$(patsubst %/,%,$(wildcard test/*/))) $(wildcard test/*.test.ts)
SOURCES := $(shell find src -name '*.ts' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo drill test check native native-test binary interop sim bench clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(BINARY) ## Start a real cluster, move real messages, kill a broker, prove nothing was lost
	@./$(BINARY) demo --data-set node_modules/vega-datasets/data/flights-20k.json $(DEMO_ARGS)

test: node_modules/.installed $(NATIVE) ## Run every test that needs no foreign client or server
	@$(BUN) test --timeout 60000 $(addprefix ./,$(SUITES))

check: node_modules/.installed ## Type check and lint
	@node_modules/.bin/tsc -p .
	@node_modules/.bin/biome ci --colors=off --error-on-warnings

native: $(NATIVE) ## Build the storage core

native-test: node_modules/.installed ## Test the storage core under the address and undefined-behaviour sanitizers
	@bash native/test/run.sh

binary: $(BINARY) ## Build dist/mq, one executable (TARGET=bun-linux-arm64 makes dist/mq-linux-arm64)

interop: $(BINARY) ## Run Apache's, Alibaba's and the Go clients against dist/mq
	@MQ_BIN=$(CURDIR)/$(BINARY) $(BUN) test --timeout 300000 ./test/interop

drill: $(BINARY) ## Show the default numbers of liveness (30 s, 10 s, 120 s) in real time; two minutes
	@./$(BINARY) drill $(DRILL_ARGS)

sim: node_modules/.installed ## Live SEEDS (default 200) whole clusters from SEED on in virtual time (SIM_ARGS="--for 60s")
	@echo "commit $$(git describe --always --dirty 2>/dev/null || echo unknown)"
	@$(BUN) src/main.ts sim --seed $(or $(SEED),1) $(if $(findstring --for,$(SIM_ARGS)),,--seeds $(or $(SEEDS),200)) $(SIM_ARGS)

bench: $(BINARY) ## Measure: the store, the wire, and dist/mq beside Apache RocketMQ
	@MQ_BIN=$(CURDIR)/$(BINARY) $(BUN) bench/run.ts $(BENCH_ARGS)

clean: ## Remove what was built, keep what was downloaded
	rm -rf build dist

.tools/bin/bun:
	@command -v npm >/dev/null || { echo "make: npm is missing; install Node.js 20 or newer, then run this again" >&2; exit 1; }
	@mkdir -p .tools/bin
	npm install --prefix .tools --no-save --no-audit --no-fund --loglevel=error bun@$(BUN_VERSION)
	@for bun in node_modules/.bin/bun $$(cd .tools && ls -d node_modules/@oven/bun-*/bin/bun 2>/dev/null); do \
	  if .tools/$$bun --version >/dev/null 2>&1; then ln -sfn ../$$bun $@; break; fi; done
	@$@ --version >/dev/null || { echo "make: the bun package from npm does not run on this machine" >&2; exit 1; }

node_modules/.installed: package.json bun.lock | $(BUN)
	$(BUN) install --frozen-lockfile
	@touch $@

$(NATIVE): $(wildcard native/*.c native/*.h) Makefile | node_modules/.installed
	@command -v $(CC) >/dev/null || { echo "make: a C compiler is missing; install gcc or clang (Debian: apt-get install gcc libc6-dev), then run this again" >&2; exit 1; }
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -shared -I $(SQLITE_HEADERS) native/*.c -o $@

build/native/$(TARGET)/mqcore.so: $(wildcard native/*.c native/*.h) Makefile | node_modules/.installed
	@mkdir -p $(@D)
	$(CROSS_CC) $(CFLAGS) -shared -I $(SQLITE_HEADERS) native/*.c -o $@

$(BINARY): $(SOURCES) $(CORE) node_modules/.installed Makefile
	@mkdir -p $(@D)
	$(BUN) build --compile --splitting --minify-syntax --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
	  $(if $(TARGET),--target=$(TARGET)) $(CORE_DEFINE) src/main.ts src/store/sqlite-log-worker.ts --outfile $@
