#!/usr/bin/env bash
# grow upgrades a chart's release from 8Gi to 16Gi on a cluster of its own with real
# containers. `make build image bin/tools/.helm` builds what it takes, and docs/grow.svg is
#   termtosvg docs/grow.svg -g 116x36 -t window_frame -M 3000 -D 6000 -c hack/grow.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset GOGC # make sets it for the compiler

dir=$(mktemp -d)
export ORDINAL_DATA_DIR=$dir/cluster KUBECONFIG=$dir/cluster/kubeconfig
export HELM_CACHE_HOME=$dir/helm HELM_CONFIG_HOME=$dir/helm HELM_DATA_HOME=$dir/helm

bold='' plain=''
if [[ -t 1 ]]; then bold=$'\033[1m' plain=$'\033[0m'; fi
# say waits until a person has read what was before.
say() {
  if [[ -t 1 ]]; then sleep 3; fi
  printf '\n%s# %s%s\n' "$bold" "$*" "$plain"
}

# show prints a command as one would type it, and runs it.
show() {
  printf '%s$ %s%s\n' "$bold" "$*" "$plain"
  "$@"
}

kubectl() {
  if [[ $1 == ordinal ]]; then bin/kubectl-ordinal "${@:2}"; else bin/ordinal kubectl "$@"; fi
}
helm() { bin/tools/helm "$@"; }

# forecast is `plan -f` of a release with these values; it exits with 2 when something changes.
forecast() {
  printf '%s$ helm template db examples/chart %s | kubectl ordinal plan -f -%s\n' "$bold" "$*" "$plain"
  helm template db examples/chart "$@" | kubectl ordinal plan -f - || (($? == 2))
}

# refused shows a command that must fail.
refused() {
  if show "$@"; then
    printf 'grow: it was accepted\n' >&2
    exit 1
  fi
}

end() {
  bin/ordinal down --purge --yes >"$dir/down" 2>&1 || cat "$dir/down"
  rm -rf "$dir"
}

members() {
  show kubectl get pods
  show kubectl get pvc -o custom-columns=CLAIM:.metadata.name,CAPACITY:.status.capacity.storage,VOLUME:.spec.volumeName
}

count() { show kubectl exec "db-$1" -- counter get http://localhost:8080/count; }

trap end EXIT
printf '%s# A chart that keeps 8Gi for each of its members%s\n' "$bold" "$plain"
{ bin/ordinal up --kubeconfig "" && bin/ordinal load bin/my-image.tar; } >"$dir/up" 2>&1 || { cat "$dir/up" >&2; exit 1; }
show helm install db examples/chart --set persistence.size=8Gi
kubectl rollout status sts/db --timeout=2m >"$dir/rollout"
show kubectl exec db-2 -- counter post http://localhost:8080/count
members

say "What would 16Gi do?"
forecast --set persistence.size=16Gi

say "Then 16Gi. apps/v1 refuses that since 2018 (kubernetes#68737)"
show helm upgrade db examples/chart --set persistence.size=16Gi
show kubectl wait sts/db --for=condition=ClaimsUpToDate --timeout=2m
members
count 2

say "Nothing has restarted. A fourth member gets as much, and the same upgrade again changes nothing"
show kubectl scale sts/db --replicas=4
kubectl rollout status sts/db --timeout=2m >"$dir/rollout"
members
show helm upgrade db examples/chart --set persistence.size=16Gi,replicaCount=4
forecast --set persistence.size=16Gi,replicaCount=4

say "What no claim can become is refused, and the sentence says what to do"
refused helm upgrade db examples/chart --set persistence.size=16Gi,replicaCount=4,persistence.storageClass=fast
