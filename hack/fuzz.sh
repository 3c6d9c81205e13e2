#!/usr/bin/env bash
# fuzz runs every fuzz target for FUZZTIME (10s): one after the other, since go
# fuzzes one at a time. What it finds is kept below testdata/fuzz, and is then a
# test like any other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z]*' internal | sort |
  while IFS=: read -r file target; do
    target=${target#func }
    echo "$target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 20x "./$(dirname "$file")" | grep -v '^fuzz: elapsed: [0-9.hms]*, gathering'
  done
