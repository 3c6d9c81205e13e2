#!/usr/bin/env bash
# krew builds kubectl-ordinal for every platform, packs each into an archive, and writes
# the manifest with which krew installs it.
#
#   hack/krew.sh VERSION URL HOMEPAGE
#
# URL is where the archives will be, and VERSION begins with v. All is put into bin/krew.
# The same commit gives the same archives. PLATFORMS names others, or fewer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if (($# != 3)) || [[ $1 != v* ]]; then
  echo "usage: hack/krew.sh vVERSION URL HOMEPAGE" >&2
  exit 2
fi
version=$1 url=${2%/} homepage=$3
out=bin/krew
rm -rf "$out"
mkdir -p "$out"
sed -e '/^#/d' -e "s|VERSION|$version|; s|HOMEPAGE|$homepage|" hack/krew.yaml >"$out/ordinal.yaml"
for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}; do
  os=${platform%/*} arch=${platform#*/}
  archive=kubectl-ordinal-$os-$arch.tar.gz
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath \
    -ldflags "-s -w -X ordinal.dev/ordinal/internal/version.version=$version" -o "$out/kubectl-ordinal" ./cmd/kubectl-ordinal
  tar -C "$out" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c kubectl-ordinal | gzip -n >"$out/$archive"
  rm "$out/kubectl-ordinal"
  cat >>"$out/ordinal.yaml" <<YAML
  - selector:
      matchLabels:
        os: $os
        arch: $arch
    uri: $url/$archive
    sha256: $(sha256sum "$out/$archive" | cut -d ' ' -f 1)
    bin: kubectl-ordinal
YAML
done
echo "$out/ordinal.yaml"
