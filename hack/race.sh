#!/usr/bin/env bash
# race tests, under Go's race detector, every package whose tests do not link
# k8s.io/kubernetes: a second compilation of that would take another quarter of an
# hour. Of the simulator, which is one goroutine, only some histories are played.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CGO_ENABLED=1

go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./internal/... ./cmd/... ./examples/... |
  awk '$1 ~ /\.test$/ && !/ k8s\.io\/kubernetes\// { sub(/\.test$/, "", $1); print $1 }' |
  grep -v -e /internal/archtest -e '/internal/sim$' |
  xargs go test -race
go test -race ./internal/sim -seeds 100
