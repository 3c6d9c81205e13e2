# Ordinal: one gate (make check), one test command (make test), one demo.
# `make` alone lists the targets.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# The same environment for build, vet, lint and tests: a different flag is a
# different cache entry, and then 2,700 packages are compiled twice.
# GOGC=400 trades memory (about 1 GB a compiler) for a fifth of the time.
export CGO_ENABLED := 0
export GOGC        := 400
export GOFLAGS     := -buildvcs=false

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Upstream takes its own version from the linker too; without it every node and
# `kubectl version` would say v0.0.0-master.
KUBERNETES := $(shell sed -nE 's/^\s*k8s.io\/kubernetes (v[0-9.]+).*/\1/p' go.mod)
KUBEPARTS  := $(subst ., ,$(KUBERNETES:v%=%))
KUBEVAR    := k8s.io/component-base/version
LDFLAGS := -s -w -X ordinal.dev/ordinal/internal/version.version=$(VERSION) \
  -X ordinal.dev/ordinal/internal/version.kubernetes=$(KUBERNETES) \
  -X $(KUBEVAR).gitVersion=$(KUBERNETES) -X $(KUBEVAR).gitMajor=$(word 1,$(KUBEPARTS)) -X $(KUBEVAR).gitMinor=$(word 2,$(KUBEPARTS))

PAYLOADS := internal/cluster/payload/embedded
PAYLOAD := $(PAYLOADS)$(if $(filter arm64,$(shell go env GOARCH)),-arm64)
TOOLS   := bin/tools/.stamp
STEP    := hack/step.sh

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build image ## The whole story on this machine: build, start, run a StatefulSet, show the proof
	@hack/demo.sh

.PHONY: build
build: payload controller plugin ## Build bin/ordinal, bin/ordinal-controller and bin/kubectl-ordinal (the first time takes 8 to 12 minutes on two cores)
	@$(STEP) "build bin/ordinal" go build -v -ldflags '$(LDFLAGS)' -o bin/ordinal ./cmd/ordinal

.PHONY: deps
deps: ## Install what the build needs and this machine lacks (says so first)
	@hack/deps.sh

.PHONY: payload
payload: deps ## Build what bin/ordinal carries: containerd, its shim, runc, the CNI plugins
	@$(STEP) "build the payload (about two minutes the first time)" go -C payload run . ../$(PAYLOAD)

.PHONY: controller
controller: deps ## Build bin/ordinal-controller alone (about two minutes the first time)
	@$(STEP) "build bin/ordinal-controller" go build -v -ldflags '$(LDFLAGS)' -o bin/ordinal-controller ./cmd/ordinal-controller

.PHONY: plugin
plugin: deps ## Build bin/kubectl-ordinal, the plugin of kubectl for any cluster
	@$(STEP) "build bin/kubectl-ordinal" go build -v -ldflags '$(LDFLAGS)' -o bin/kubectl-ordinal ./cmd/kubectl-ordinal

.PHONY: image
image: deps ## Build the demo image, bin/my-image.tar, from examples/counter, without Docker
	@$(STEP) "build bin/my-image.tar" bash -euc '\
		go build -ldflags "-s -w" -o bin/counter ./examples/counter; \
		go run ./internal/ociimage/mkimage -name my-image -link tar -link test -o bin/my-image.tar bin/counter'

.PHONY: controller-image
controller-image: deps ## Build the controller's image for amd64 and arm64, bin/ordinal-controller.tar, without Docker
	@LDFLAGS='$(LDFLAGS)' $(STEP) "build bin/ordinal-controller.tar" hack/controller-image.sh

.PHONY: arm64
arm64: deps ## Cross-compile all that is shipped for arm64, into bin/arm64 (the first time takes about ten minutes)
	@$(STEP) "install what cross-compiling takes" hack/arm64-deps.sh bin/arm64/sysroot
	@$(STEP) "build the payload for arm64" go -C payload run . -arch arm64 -sysroot $(CURDIR)/bin/arm64/sysroot ../$(PAYLOADS)-arm64
	@LDFLAGS='$(LDFLAGS)' $(STEP) "build bin/arm64/ordinal and the other programs" hack/arm64.sh

.PHONY: check
check: payload $(TOOLS) ## Everything that needs no running: format, vet, lint, import rules, sizes, vulnerabilities
	@hack/check.sh

$(TOOLS): tools/go.mod tools/go.sum
	@$(STEP) "build the linters" go -C tools build -o ../bin/tools/ tool
	@touch $@

# Helm 4 and Helm 3, as their releases are for Kubernetes 1.37: otherwise Helm 3 believes in 1.20.
HELM3 := helm.sh/helm/v3/pkg/chartutil
HELM  := bin/tools/.helm
$(HELM): tools/chart/go.mod tools/chart/go.sum
	@mkdir -p bin/tools
	@$(STEP) "build Helm" bash -euc '\
		go -C tools/chart build -ldflags "-s -w" -o ../../bin/tools/helm helm.sh/helm/v4/cmd/helm; \
		go -C tools/chart build -ldflags "-s -w -X $(HELM3).k8sVersionMajor=$(word 1,$(KUBEPARTS)) -X $(HELM3).k8sVersionMinor=$(word 2,$(KUBEPARTS))" -o ../../bin/tools/helm3 helm.sh/helm/v3/cmd/helm'
	@touch $@

.PHONY: generate
generate: $(TOOLS) ## Make all that is generated: from api/ the deep copies, the CRD and its reference, and what make chart makes
	@$(STEP) "make deep copies and the CRD" hack/api.sh
	@$(STEP) "make docs/policy-reference.md" go -C tools run ./reference
	@$(MAKE) --no-print-directory chart

.PHONY: chart
chart: ## Make what follows from charts/ordinal: install.yaml, the table of values, the templates of fence and CRD
	@$(STEP) "make install.yaml and the chart's README" go -C tools/chart run .

.PHONY: vuln
vuln: $(TOOLS) ## Fail on known vulnerabilities (make check only reports them: the database changes without a commit)
	@hack/vuln.sh ./cmd/...

.PHONY: unit
unit: payload ## Unit tests
	@$(STEP) "unit tests" go test -ldflags=-w $$(go list ./... | grep -v /test/)

.PHONY: race
race: deps $(HELM) ## The race detector: on what does not link Kubernetes, and on a controller that runs the integration tests
	@$(STEP) "tests under the race detector" hack/race.sh
	@CGO_ENABLED=1 $(STEP) "build a controller with the race detector" go build -race -o bin/ordinal-controller-race ./cmd/ordinal-controller
	@ORDINAL_CONTROLLER=$(CURDIR)/bin/ordinal-controller-race $(STEP) "integration tests of that controller" go test -ldflags=-w -count=1 -parallel 8 -timeout 20m ./test/integration/...

.PHONY: fuzz
fuzz: payload ## Fuzz what parses input, each target on FUZZRUNS inputs (20000)
	@$(STEP) "fuzz" hack/fuzz.sh

.PHONY: soak
soak: ## Play new simulated histories for FOR (1m), on all cores, until one breaks a promise
	@$(STEP) "build the simulator" go build -o bin/soak ./internal/sim/soak
	@bin/soak -for $(or $(FOR),1m)

.PHONY: mutants
mutants: ## Plant bugs in the controller, and see the simulator find each (about an hour)
	@$(STEP) "mutants" go test -tags mutants -v -count=1 -timeout 3h ./internal/sim/mutants

.PHONY: integration
integration: payload $(HELM) ## Tests against the embedded control plane with simulated nodes; no privilege needed
	@$(STEP) "integration tests" go test -ldflags=-w -count=1 -parallel 8 -timeout 20m ./test/integration/...

.PHONY: sick
sick: payload $(HELM) ## The integration tests with an API on which a tenth of the controller's requests goes wrong
	@ORDINAL_SICK_SEED=$(or $(SEED),1) $(STEP) "integration tests with a sick API" go test -ldflags=-w -count=1 -parallel 8 -timeout 20m ./test/integration/...

.PHONY: takeover
takeover: build intree ## Test that sets can be taken over from the in-tree controller, and given back
	@$(STEP) "takeover test" go test -ldflags=-w -count=1 -timeout 10m ./test/takeover/...

.PHONY: fence
fence: build intree $(HELM) ## Test the fence: what it denies, that never two controllers act at a time, and what people use on sets (about nine minutes)
	@$(STEP) "tests of the fence" go test -ldflags=-w -v -count=1 -timeout 30m ./test/fence/...

# What -X sets the version of a control plane with that is built from test/versions.
VERSIONOF = $(shell sed -nE 's/^\s*k8s.io\/kubernetes (v[0-9.]+).*/\1/p' test/versions/$(1)/go.mod)
VERSIONLD = -s -w $(foreach v,$(call VERSIONOF,$(1)),-X $(KUBEVAR).gitVersion=$(v) \
  -X $(KUBEVAR).gitMajor=$(word 1,$(subst ., ,$(v:v%=%))) -X $(KUBEVAR).gitMinor=$(word 2,$(subst ., ,$(v:v%=%))))

.PHONY: versions
versions: controller ## Test on the oldest and on the newest Kubernetes that is supported, each built from its modules (a quarter of an hour the first time)
	@$(STEP) "build Kubernetes $(call VERSIONOF,newest)" go -C test/versions/newest build -v -ldflags '$(call VERSIONLD,newest)' -o ../../../bin/newest .
	@$(STEP) "build Kubernetes $(call VERSIONOF,oldest)" go -C test/versions/oldest build -v -ldflags '$(call VERSIONLD,oldest)' -o ../../../bin/oldest .
	@$(STEP) "have the oldest judge the definition of policies" go -C test/versions/oldest test ./definition
	@$(STEP) "tests on both" go test -ldflags=-w -v -count=1 -timeout 10m ./test/versions

.PHONY: e2e
e2e: build image controller-image $(HELM) ## Tests on real containers; sets a running cluster aside meanwhile. Needs root
	@$(STEP) "end-to-end tests" go test -v -count=1 -timeout 30m ./test/e2e/...

.PHONY: machine
machine: build image ## Kill a real cluster at random instants, ten times, and starve it. Needs root, as e2e does
	@$(STEP) "tests of a machine's worst days" go test -ldflags=-w -v -count=1 -timeout 30m ./test/machine

.PHONY: soak-machine
soak-machine: build image ## Kill a real cluster at random instants, ROUNDS times (100; about 15 minutes). Needs root
	@$(STEP) "kill a real cluster" go test -ldflags=-w -v -count=1 -timeout 0 -run TestKilledAtAnyMoment ./test/machine -rounds $(or $(ROUNDS),100)

.PHONY: upstream
upstream: build ## Run Kubernetes' own end-to-end tests of StatefulSet on real containers (about 25 minutes). Needs root
	@$(STEP) "build what pods of those tests run" bash -euc '\
		go -C test/upstream build -ldflags "-s -w" -o ../../bin/agnhost k8s.io/kubernetes/test/images/agnhost; \
		hack/busybox.sh'
	@$(STEP) "upstream's tests of StatefulSet" go -C test/upstream test -v -count=1 -timeout 90m . -args $(UPSTREAM)

.PHONY: upstream-fenced
upstream-fenced: controller-image $(HELM) ## The same with the in-tree controller on, and Ordinal behind the fence (about 35 minutes). Needs root
	@$(MAKE) upstream UPSTREAM=-fenced

.PHONY: test
test: build image check unit fuzz integration sick race takeover fence e2e machine ## All of it; e2e and machine where the machine can run containers

.PHONY: intree
intree: deps ## Build bin/intree: upstream's StatefulSet controller alone, to compare with
	@$(STEP) "build bin/intree" go build -v -ldflags '$(LDFLAGS)' -o bin/intree ./bench/intree

.PHONY: bench
bench: build intree ## Measure the StatefulSet controllers side by side: time, CPU, writes, memory (about 50 minutes)
	@$(STEP) "build the benchmark" bash -euc '\
		go build -ldflags "-s -w" -o bin/least ./bench/least; \
		go build -o bin/bench-api ./bench/api'
	@bin/bench-api $(if $(ROUNDS),-rounds $(ROUNDS))

.PHONY: bench-beside
bench-beside: build intree ## Measure what it costs, behind the fence, that the in-tree controller runs beside (about ten minutes)
	@$(STEP) "build the benchmark" go build -o bin/bench-api ./bench/api
	@bin/bench-api -beside $(if $(ROUNDS),-rounds $(ROUNDS))

.PHONY: bench-cluster
bench-cluster: build image ## Measure the single-machine cluster: start, roll-out, recovery, memory, CPU. Needs root
	@$(STEP) "build the benchmark" go build -o bin/bench-cluster ./bench/cluster
	@bin/bench-cluster

.PHONY: bench-restarts
bench-restarts: build image ## Measure RESTARTS restarts (1000) of pods with claims, the slowest among them. Needs root
	@$(STEP) "build the benchmark" go build -o bin/bench-cluster ./bench/cluster
	@bin/bench-cluster -restarts $(or $(RESTARTS),1000)

.PHONY: clean
clean: ## Remove what was built (not the Go build cache, not a cluster's data)
	rm -rf bin $(PAYLOADS){,-arm64}/{*.zst,digests.txt}
