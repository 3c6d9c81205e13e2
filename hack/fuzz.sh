#!/usr/bin/env bash
# fuzz runs every fuzz target on FUZZRUNS inputs (20000): one target after the
# other, since go fuzzes one at a time. What it finds is kept below
# testdata/fuzz, and is then a test like any other.
#
# Inputs are counted, not seconds: before Go 1.27 a target that runs out of time
# sometimes fails with "context deadline exceeded" (golang/go#75804).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z]*' internal | sort |
  while IFS=: read -r file target; do
    target=${target#func }
    echo "$target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZRUNS:-20000}x" -fuzzminimizetime 20x "./$(dirname "$file")" | grep -v '^fuzz: elapsed: [0-9.hms]*, gathering'
  done
