#!/usr/bin/env bash
# demo is the whole story on this machine: a cluster starts, the specification's
# manifest runs unmodified, and what a StatefulSet promises is shown to hold. Run
# it again whenever you like: it goes on from what is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/bin:$PATH
unset GOGC # make sets it for the compiler

simulated=false

bold='' plain=''
if [[ -t 1 ]]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# show prints a command as one would type it, and runs it.
show() {
  printf '$ %s\n' "$*"
  "$@"
}

fail() {
  printf 'demo: %s\n' "$1" >&2
  exit 1
}

# start brings the cluster up. Where the machine cannot run containers, `up` has
# said why, and the demo goes on with nodes that only pretend.
start() {
  local complaint
  complaint=$(mktemp)
  trap 'rm -f "$complaint"' RETURN
  if show ordinal up 2>"$complaint"; then return; fi
  cat "$complaint" >&2
  grep -q -e '--nodes simulated' "$complaint" || fail "the cluster did not start, see above"
  simulated=true
  export ORDINAL_DATA_DIR=${XDG_STATE_HOME:-$HOME/.local/state}/ordinal
  say "This machine cannot run containers (see above): going on with simulated nodes in $ORDINAL_DATA_DIR"
  show ordinal up --nodes simulated
}

# rollout applies a manifest and follows it to its end.
rollout() {
  show ordinal kubectl apply -f "$1"
  show ordinal watch --timeout 2m "sts/$2"
}

names() {
  say "Every pod has a name that resolves, here asked from another pod"
  local i
  for i in 0 1 2; do
    show ordinal kubectl exec "my-statefulset-$(((i + 1) % 3))" -- counter lookup "my-statefulset-$i.my-service"
  done
  printf '\nand all of them together, by SRV:\n'
  show ordinal kubectl exec my-statefulset-0 -- counter lookup --srv my-service.default.svc.cluster.local
}

count() { ordinal kubectl exec counter-1 -- counter get http://localhost:8080/count; }

data() {
  say "A pod with a volume counts; it is deleted, and comes back with its name and its data"
  rollout examples/counter.yaml counter
  local i before after
  for i in 1 2 3; do
    show ordinal kubectl exec counter-1 -- counter post http://localhost:8080/count
  done
  before=$(count)
  show ordinal kubectl delete pod counter-1
  show ordinal watch --timeout 2m sts/counter
  show ordinal kubectl exec counter-1 -- counter get http://localhost:8080/count
  after=$(count)
  [[ $before == "$after" ]] || fail "counter-1 said $before before it was deleted, and says $after now"
  printf '\nThe same name, the same count: nothing was lost.\n'
}

identity() {
  say "A pod is deleted, and comes back with its name and its claim"
  show ordinal kubectl delete pod my-statefulset-1
  show ordinal watch --timeout 2m sts/my-statefulset
  show ordinal kubectl get pods,pvc
}

say "A Kubernetes on this machine"
start

if ! $simulated; then
  say "The demo image, built from examples/counter without Docker, loaded without a registry"
  show ordinal load bin/my-image.tar
fi

say "The specification's manifest, unmodified"
rollout examples/statefulset.yaml my-statefulset

say "What there is now: the pods, their claims, and the Service my-service, which no manifest has: it was created with the set"
show ordinal kubectl get statefulsets,pods,persistentvolumeclaims,services
show ordinal kubectl get service my-service -o 'jsonpath=owned by the {.metadata.ownerReferences[0].kind} {.metadata.ownerReferences[0].name}{"\n"}'

if $simulated; then
  identity
else
  names
  data
fi

say "Go on"
if $simulated; then printf '  export ORDINAL_DATA_DIR=%s\n' "$ORDINAL_DATA_DIR"; fi
cat <<'TEXT'
  export PATH=$PWD/bin:$PATH
  ordinal kubectl scale sts/my-statefulset --replicas=5 && ordinal watch sts/my-statefulset
  ordinal kubectl get pods --watch
  ordinal status
  ordinal down            stops everything and keeps the data; `ordinal up` goes on from it
  ordinal down --purge    deletes the data too
TEXT
