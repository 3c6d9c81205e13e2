#!/usr/bin/env bash
# check is the gate: everything that can be said about the code without running
# it, quickest first. It stops at the first thing that fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { hack/step.sh "$@"; }

formatting() {
  local unformatted
  unformatted=$(gofmt -l -s api bench cmd examples internal payload test tools 2>/dev/null || true)
  if [[ -n $unformatted ]]; then
    printf 'not formatted (gofmt -s -w mends it):\n%s\n' "$unformatted"
    return 1
  fi
}

scripts() {
  local script
  for script in hack/*.sh .ci/run; do bash -n "$script"; done
}

# The commands below run in shells of their own, under step.sh.
export -f formatting scripts

step "format" bash -euo pipefail -c formatting
step "scripts parse" bash -euo pipefail -c scripts
step "deep copies and the CRD are up to date" hack/api.sh -check
step "import rules, purity, sizes" go test -count=1 ./internal/archtest
step "vet" go vet ./...
step "each planted bug has its place" go test -tags mutants -count=1 -run TestEveryMutantFits ./internal/sim/mutants
step "vet and test the payload's builder" bash -euc 'go -C payload vet ./... && go -C payload test ./...'
step "vet what runs upstream's tests" go -C test/upstream vet ./...
# What these read is not in their modules, and a result that is kept does not know of it.
step "vet and test the reference of policies" bash -euc 'go -C tools vet ./... && go -C tools test -count=1 ./...'
step "vet and test the chart" bash -euc 'go -C tools/chart vet ./... && go -C tools/chart test -count=1 ./...'
step "have Prometheus try the alerts" bash -euc 'go -C test/alerts vet ./... && go -C test/alerts test -count=1 ./...'
step "have kstatus and Argo CD judge every state" bash -euc 'go -C test/health vet ./... && go -C test/health test -count=1 ./...'
# The first time this takes about ten minutes: all of Kubernetes is compiled once more. A
# machine that cannot get a cross-compiler checks the rest.
if hack/arm64-deps.sh bin/arm64/sysroot; then
  make --no-print-directory arm64
else
  printf 'NOT cross-compiled for arm64: see above\n'
fi
step "staticcheck" bin/tools/staticcheck ./...
# The database changes without a commit, and a clean checkout must pass
# tomorrow as it does today: what is found is shown here, and fails `make vuln`.
step "known vulnerabilities" bash -c 'hack/vuln.sh ./cmd/... || true'
