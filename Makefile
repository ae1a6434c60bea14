# Needs Go, gcc, make and the Go module proxy, nothing else. `make help` lists the targets.

GO       ?= go
FUZZTIME ?= 10s
BENCH    ?= .
BENCH_PKGS ?= ./...
# Every package that starts goroutines or shares memory between them.
CONCURRENT = ^[[:space:]]*("sync(/atomic)?"|"golang.org/x/sync/|go [A-Za-z_.]+\()
RACE_PKGS  = $(shell grep -rlE --include='*.go' '$(CONCURRENT)' . | xargs -n 1 dirname | sort -u)

.PHONY: help build replay test test-packages test-vectors check gates fmt vet staticcheck repocheck spec race fuzz bench geth e2e-geth e2e-sync e2e-live e2e-partition kill kill-signer nonfinality faults clean devnet e2e-devnet e2e-forks e2e-faults e2e-late e2e-failover e2e-cut e2e-stop e2e-abuse e2e-validator

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the programs into bin/
	$(GO) build -trimpath -o bin/ ./cmd/...

replay: build ## the main job: replay two recorded chains, every signature and state root checked
	@for chain in deneb-to-fulu:chain-minimal fulu:chain-fulu; do \
		archive=$${chain%%:*}; dir=bin/chains/$${chain##*:}; \
		$(GO) run ./tools/unpack testdata/chains/$$archive.tar.zst bin/chains || exit 1; \
		echo "== $$archive"; \
		bin/cresset replay --network-config $$dir/config.yaml --genesis $$dir/genesis.ssz_snappy --blocks $$dir/blocks || exit 1; \
	done

test: test-packages test-vectors ## everything: all packages, then all packed reference vectors with their table

test-packages:
	$(GO) test -timeout 20m $$($(GO) list ./... | grep -v '/beacon/spectest$$')

# In the package's own directory go test passes the output on, so that the table is seen.
test-vectors:
	$(GO) test -C beacon/spectest -count=1 -timeout 20m

check: gates repocheck ## the quick gate of every commit: format, vet, staticcheck, repocheck, short tests
	$(GO) test -short -timeout 10m ./...

gates: fmt vet staticcheck

fmt:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi

vet:
	$(GO) vet ./...

staticcheck:
	$(GO) tool staticcheck ./...

repocheck: ## layers, package docs, file lengths, map of the specification's functions
	$(GO) test -count=1 ./cmd/repocheck

spec: ## run the vectors of any directory in the official layout: make spec VECTORS=dir
	@if [ -z "$(VECTORS)" ]; then echo "usage: make spec VECTORS=dir"; exit 2; fi
	CRESSET_VECTORS=$(abspath $(VECTORS)) $(GO) test -C beacon/spectest -count=1 -timeout 0 -run '^TestVectors$$'

race: ## short tests of the packages with concurrency under the race detector
	$(GO) test -race -short -timeout 20m $(RACE_PKGS)

fuzz: ## every fuzz target for FUZZTIME (10s)
	@mkdir -p bin
	$(GO) test -list '^Fuzz' ./... > bin/fuzz-targets
	@awk '/^Fuzz/ {name[++n] = $$1} /^ok/ {for (i = 1; i <= n; i++) print $$2, name[i]; n = 0}' bin/fuzz-targets | \
	while read -r pkg target; do \
		echo "== $$pkg $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$pkg" || exit 1; \
	done

bench: ## benchmarks: make bench BENCH=regexp BENCH_PKGS=./beacon/ssz/...
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 0 $(BENCH_PKGS)

geth: ## build geth, the execution client of the tests with the build tag geth, into bin/
	$(GO) build -C tools/geth -trimpath -o ../../bin/geth github.com/ethereum/go-ethereum/cmd/geth

bin/geth:
	$(MAKE) geth

NODES      ?= 2
VALIDATORS ?= 64
PRESET     ?= minimal
SLOT       ?= 4
FORK       ?= fulu
EL         ?= geth
UNTIL      ?=
BEACONS    ?= 1
FAULTS     ?=
DEVNET      = bin/cresset devnet --validators $(VALIDATORS) --preset $(PRESET) --slot-seconds $(SLOT)

devnet: build bin/geth ## a network on this machine: NODES=2 VALIDATORS=64 PRESET=minimal SLOT=4 FORK=fulu EL=geth|mock UNTIL=finalized:3|operations|slot:N BEACONS=1 FAULTS="stop beacon 0 40-48"
	$(DEVNET) --nodes $(NODES) --fork "$(FORK)" --el $(EL) --until "$(UNTIL)" --beacons-per-validator $(BEACONS) --faults "$(FAULTS)"

e2e-devnet: build bin/geth ## two nodes with geth finalize epoch 3
	$(DEVNET) --until finalized:3
	@echo "e2e-devnet: finalized:3 with geth: ok"

e2e-forks: build bin/geth ## two nodes with geth finalize in each of deneb, electra and fulu
	$(DEVNET) --fork deneb:0,electra:2,fulu:4 --until finalized:5
	@echo "e2e-forks: deneb, electra and fulu with geth: ok"

e2e-faults: e2e-late e2e-failover e2e-cut e2e-stop ## all that is done to a network with geth, one after the other, half an hour

e2e-late: build bin/geth ## a third and a fourth node come late with empty disks, from genesis and at a checkpoint; their validators vote
	$(DEVNET) --nodes 4 --faults "late 2 20; late 3 33 checkpoint" --until slot:48
	@echo "e2e-late: from genesis and at a checkpoint: ok"

e2e-failover: build bin/geth ## one of the two beacon nodes of each validator process is away for two epochs
	$(DEVNET) --beacons-per-validator 2 --faults "stop beacon 0 40-56" --until slot:74
	@echo "e2e-failover: ok"

e2e-cut: build bin/geth ## the network is cut in two for two epochs (Linux)
	$(DEVNET) --faults "cut 40-56" --until slot:82
	@echo "e2e-cut: ok"

e2e-stop: build bin/geth ## a validator process, its only beacon node and geth are away, one after the other
	$(DEVNET) --faults "stop validator 1 42-44; stop beacon 0 56-64; stop geth 0 88-118" --until slot:144
	@echo "e2e-stop: ok"

e2e-geth: bin/geth ## recorded chains with a real geth behind the node; geth and the node are killed on the way
	$(GO) vet -tags geth ./beacon/engine ./beacon/node
	CRESSET_GETH=$(CURDIR)/bin/geth $(GO) test -tags geth -count=1 -timeout 10m -run Geth ./beacon/engine
	$(GO) build -trimpath -o bin/ ./cmd/cresset-beacon
	CRESSET_GETH=$(CURDIR)/bin/geth CRESSET_BEACON=$(CURDIR)/bin/cresset-beacon CRESSET_SUMMARY=$(CURDIR)/bin/e2e-geth.txt \
		$(GO) test -C beacon/node -tags geth -count=1 -v -timeout 10m -run '^TestE2EGeth$$'
	@cat bin/e2e-geth.txt

e2e-sync: ## nodes sync recorded chains over libp2p: TCP, QUIC, from a checkpoint with backfill, and from bad peers
	@mkdir -p bin
	$(GO) vet -tags e2e ./beacon/node
	CRESSET_SUMMARY=$(CURDIR)/bin/e2e-sync.txt $(GO) test -C beacon/node -tags e2e -count=1 -v -timeout 10m -run '^TestE2ESync$$'
	@cat bin/e2e-sync.txt

e2e-validator: ## one validator client and one node make a chain that finalizes, in one fork and across three; a second client hears the first
	$(GO) vet -tags e2e ./cmd/cresset-validator
	$(GO) test -tags e2e -count=1 -timeout 10m -run '^TestE2E' ./cmd/cresset-validator

e2e-live: ## nodes find each other through a boot node and follow each other by gossip for ten epochs; one comes late
	@mkdir -p bin
	CRESSET_SUMMARY=$(CURDIR)/bin/e2e-live.txt $(GO) test -C beacon/node -tags e2e -count=1 -v -timeout 10m -run '^TestE2ELive$$'
	@cat bin/e2e-live.txt

e2e-partition: ## two nodes in two network namespaces are cut apart for 100 slots and joined (Linux)
	@mkdir -p bin
	CRESSET_SUMMARY=$(CURDIR)/bin/e2e-partition.txt $(GO) test -C beacon/node -tags e2e -count=1 -v -timeout 15m -run '^TestE2EPartition$$'
	@cat bin/e2e-partition.txt

e2e-abuse: ## a hundred hostile peers send a node a thousand messages a second, in every way of a table
	@mkdir -p bin
	CRESSET_SUMMARY=$(CURDIR)/bin/e2e-abuse.txt $(GO) test -C beacon/node -tags e2e -count=1 -v -timeout 10m -run '^TestE2EAbuse$$'
	@cat bin/e2e-abuse.txt

kill: ## the kill test in its long form: KILLS=300
	CRESSET_KILLS=$(or $(KILLS),300) $(GO) test -count=1 -timeout 0 -run '^TestKilledAtAnyInstant$$' -v ./beacon/chain

kill-signer: ## kill a process that signs, against an oracle of all signatures that it released: KILLS=1000
	CRESSET_KILLS=$(or $(KILLS),1000) $(GO) test -count=1 -timeout 0 -run '^TestKilledWhileSigning$$' -v ./validator/signer

nonfinality: ## weeks without finality in the long form: EPOCHS=400
	CRESSET_EPOCHS=$(or $(EPOCHS),400) $(GO) test -count=1 -timeout 0 -run '^TestWeeksWithoutFinality$$' -v ./beacon/chain

faults: ## the table of the execution client's faults
	$(GO) test -count=1 -run '^TestFaultsOfTheExecutionClient$$|^TestAnInvalidBranchIsLeft$$' -v ./beacon/chain

clean: ## remove what was built
	rm -rf bin
