#!/usr/bin/env bash
# arm64 cross-compiles what is shipped into bin/arm64, and looks at what came out.
#
#   LDFLAGS=... hack/arm64.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for command in ordinal ordinal-controller kubectl-ordinal; do
  if [[ ! -d cmd/$command ]]; then continue; fi
  GOARCH=arm64 go build -ldflags "${LDFLAGS:-}" -o "bin/arm64/$command" "./cmd/$command"
  header=$(od -An -tx1 -j18 -N2 "bin/arm64/$command" | tr -d ' ')
  if [[ $header != b700 ]]; then # EM_AARCH64
    printf 'bin/arm64/%s is not for arm64\n' "$command" >&2
    exit 1
  fi
done
