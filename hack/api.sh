#!/usr/bin/env bash
# api writes what follows from the types of api/v1alpha1: their deep copies, and the
# CustomResourceDefinition.
#
#   hack/api.sh          write them
#   hack/api.sh -check   write nothing, fail if something would change
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

types=api/v1alpha1
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
bin/tools/controller-gen object crd paths="./$types" output:object:dir="$made" output:crd:dir="$made/crd"

if [[ ${1:-} != -check ]]; then
  cp -r "$made/." "$types"
  exit
fi
while IFS= read -r file; do
  if ! diff -u "$types/$file" "$made/$file"; then
    printf '%s is not what the types give: run `make generate` and commit it\n' "$types/$file" >&2
    exit 1
  fi
done < <(cd "$made" && find . -type f -printf '%P\n')
