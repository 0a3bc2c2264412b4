# What CI runs is .ci/run; these are its parts, and what is useful beside them.

GOLANGCI_LINT := v2.15.0
LINTER := $(CURDIR)/.bin/golangci-lint-$(GOLANGCI_LINT)

# Directories of nested modules. Each is tested by its own go.mod, as those who use it will have it, without go.work.
MODULES := $(patsubst %/go.mod,%,$(shell git ls-files -co --exclude-standard '*/go.mod'))
each_module = @for dir in $(MODULES); do echo "$$dir:" && (cd $$dir && GOWORK=off $(1)) || exit 1; done

# The race detector comes with checks of pointers, which take as much time as all else in SQLite: C in the form of Go.
RACING := -gcflags=modernc.org/...=-d=checkptr=0

# What is documented for users, and what its coverage is asked of.
PUBLIC := . ./rfc9068 ./session ./session/sessiontest ./memstore ./jottest ./flask
APART := remotekeys sqlstore redisstore redisstore/goredisstore redisstore/rueidisstore
CORE = .,$(shell go list ./internal/... | grep -v /simulation | paste -sd ,),./memstore,./session
MIN_COVERAGE := 95

documentation := for package in $(PUBLIC); do go doc -all $$package; done; \
	for dir in $(APART); do (cd $$dir && GOWORK=off go doc -all .); done

# How many histories are simulated: over memory, and of replicas over Redis.
HISTORIES ?= 1000000
REPLICAS ?= 50000

# How long histories of engines are recorded.
HISTORIES_FOR ?= 5m

FUZZTIME ?= 1m
BENCH ?= .
COUNT ?= 1

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

.PHONY: test
test: ## all tests, of every module and engine, with the race detector
	@.ci/need cc curl mariadbd postgres redis-server
	@race=$$(.ci/race) && echo "go test $$race -shuffle=on ./..." && go test $$race -shuffle=on ./...
	$(call each_module,go test $$($(CURDIR)/.ci/race) $(RACING) -shuffle=on -timeout 30m ./...) # engines on a busy machine
	@cd bench && GOWORK=off go test -run TestAllocations . # which the race detector would falsify
	@[ -n "$$JOT_E2E" ] || echo "NOT TESTED here: the example in a real browser, which make e2e does"

.PHONY: vet
vet: ## go vet, of the examples too
	@go vet ./...
	$(call each_module,go vet ./...)

.PHONY: test-386
test-386:
	@GOARCH=386 CGO_ENABLED=0 go test ./...

.PHONY: cover
cover: ## fail if the tests reach less of the core than they should
	@mkdir -p .bin
	@go test -coverpkg=$(CORE) -coverprofile=.bin/cover.out ./... > .bin/cover.log || { cat .bin/cover.log; exit 1; }
	@go tool cover -func=.bin/cover.out | awk -v least=$(MIN_COVERAGE) \
		'$$NF != "100.0%" { print } /^total:/ { total = $$NF + 0 } END { if (total < least) { print "coverage is below " least "%"; exit 1 } }'

.PHONY: lint
lint: $(LINTER) ## golangci-lint, as .golangci.yml has it
	@$(LINTER) run ./...
	$(call each_module,$(LINTER) run ./...)

.PHONY: fmt
fmt: $(LINTER) ## format all Go code
	@$(LINTER) fmt

.PHONY: e2e
e2e: ## the examples for browsers in a real Chromium (PICTURES=directory keeps screenshots)
	@.ci/need chromium
	@$(if $(PICTURES),mkdir -p '$(PICTURES)')
	cd _example/browser/e2e && GOWORK=off JOT_E2E='$(or $(abspath $(PICTURES)),1)' go test -count=1 ./...

.PHONY: bench
bench: ## benchmarks (BENCH=pattern COUNT=n)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

.PHONY: ratios
ratios: ## the core beside golang-jwt (AGAINST=directory: and beside another checkout)
	@cd bench && GOWORK=off go run . $(if $(AGAINST),-against '$(abspath $(AGAINST))')

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME (1m)
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target" && \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$package || exit 1; \
		done; \
	done

.PHONY: simulate
simulate: ## a million histories of clocks apart, lost answers and thieves (HISTORIES=n), and some of replicas (REPLICAS=n)
	@.ci/need redis-server
	go test -count=1 -timeout 0 -v -run TestHistories ./internal/simulation -args -histories $(HISTORIES)
	cd redisstore && GOWORK=off go test -count=1 -timeout 0 -v -run '^TestHistories$$' . -args -histories $(REPLICAS)

.PHONY: histories
histories: ## what processes hear under kills, stalls and cuts, each engine for HISTORIES_FOR (5m), or ENGINE=name alone
	@.ci/need mariadbd postgres redis-server
	@mkdir -p .bin/histories
	cd histories && GOWORK=off go test -count=1 -timeout 0 -v -run '^TestHistories$$/$(ENGINE)' \
		-artifacts -outputdir '$(CURDIR)/.bin/histories' . -args -for $(HISTORIES_FOR)

.PHONY: flask-live
flask-live: ## flask/ beside the original, whose source is in FJE=directory (it needs Flask and PyJWT)
	@if [ -n "$(FJE)" ]; then export JOT_FJE='$(abspath $(FJE))' && go test -count=1 -v -run '^TestLive$$' ./flask && \
		cd _example && GOWORK=off go test -count=1 -v -run '^TestSideBySide$$' ./migration; \
	else echo "FJE= names no directory with the source of Flask-JWT-Extended 4.7.1: the recorded exchanges stand in" && \
		go test -count=1 -run '^TestRecordedExchanges$$' ./flask && \
		cd _example && GOWORK=off go test -count=1 -run '^TestSideBySide$$' ./migration; fi

.PHONY: mutation
mutation: ## change the code of PACKAGE (.) and see which changes no test notices; takes long
	go run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0 unleash --timeout-coefficient 20 $(or $(PACKAGE),.)

.PHONY: api
api: ## write api.txt, so that a change of the API shows in review
	@{ $(documentation); } > api.txt

.PHONY: api-check
api-check: ## fail if api.txt is not what the code says
	@{ $(documentation); } | diff -u api.txt - || { echo "run make api"; exit 1; }

.PHONY: tools
tools: $(LINTER) ## install the linter into .bin

$(LINTER):
	@mkdir -p .bin
	@echo "building golangci-lint $(GOLANGCI_LINT), which takes some minutes"
	@GOBIN=$(CURDIR)/.bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@mv .bin/golangci-lint $@
