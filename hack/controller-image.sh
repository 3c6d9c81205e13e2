#!/usr/bin/env bash
# controller-image builds the image that charts/ordinal runs: the controller, which
# is what it starts, and kubectl-ordinal, for each platform. The same commit gives
# the same bytes, whatever directory it is built in.
#
#   LDFLAGS=... [IMAGE=name:tag] hack/controller-image.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=${IMAGE:-ordinal-controller:dev} # the chart's default

programs=()
for arch in amd64 arm64; do
  for command in ordinal-controller kubectl-ordinal; do
    if [[ ! -d cmd/$command ]]; then continue; fi
    program=bin/image/$arch/$command
    CGO_ENABLED=0 GOOS=linux GOARCH=$arch go build -trimpath -ldflags "${LDFLAGS:-}" -o "$program" "./cmd/$command"
    programs+=("$program")
  done
done
go run ./internal/ociimage/mkimage -name "$image" -user 65532:65532 -o bin/ordinal-controller.tar "${programs[@]}"
