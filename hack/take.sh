#!/usr/bin/env bash
# take puts a namespace under Ordinal and gives it back, on a cluster of its own whose
# StatefulSet controller is the in-tree one. It needs no privilege: the nodes are simulated,
# and both controllers run beside the cluster. `make build intree` builds what it takes, and
# docs/take.svg is
#   termtosvg docs/take.svg -g 110x36 -t window_frame -M 3000 -D 6000 -c hack/take.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset GOGC # make sets it for the compiler

dir=$(mktemp -d)
export ORDINAL_DATA_DIR=$dir/cluster KUBECONFIG=$dir/cluster/kubeconfig
controllers=()

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

end() {
  if ((${#controllers[@]})); then kill "${controllers[@]}" && wait "${controllers[@]}" || true; fi
  bin/ordinal down >"$dir/down" 2>&1 || cat "$dir/down"
  rm -rf "$dir"
}

# install does what the manifest does, but for the pods, which would only pretend to run.
install() {
  kubectl create namespace ordinal-system
  kubectl apply --server-side -f install.yaml
  bin/ordinal kubectl config view --raw >"$dir/account"
  bin/ordinal kubectl --kubeconfig "$dir/account" config set-credentials account \
    --token "$(kubectl create token ordinal-controller -n ordinal-system --duration 1h)"
  bin/ordinal kubectl --kubeconfig "$dir/account" config set-context --current --user account
  bin/ordinal-controller --kubeconfig "$dir/account" --mode fenced --namespace ordinal-system \
    --metrics-addr= --health-addr= 2>"$dir/controller" &
  controllers+=($!)
}

# in_tree runs upstream's controller by the name that it has on other clusters, since what
# writes is known by it.
in_tree() {
  (exec -a kube-controller-manager bin/intree --kubeconfig "$ORDINAL_DATA_DIR/pki/controller-manager.kubeconfig" 2>"$dir/in-tree") &
  controllers+=($!)
}

# set_of makes a set as charts do, but for its Service, which somebody has forgotten.
set_of() {
  kubectl create -n db -f - <<YAML
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: $1}
spec:
  replicas: 3
  serviceName: $1
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec: {containers: [{name: $1, image: "$1:1", ports: [{name: main, containerPort: $2}]}]}
YAML
  kubectl rollout status -n db "sts/$1"
}

# image changes a set's image to one whose containers crash, or to one whose do not.
image() {
  kubectl patch -n db "sts/$1" -p "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"ordinal.dev/sim-state\":\"$3\"}},\"spec\":{\"containers\":[{\"name\":\"$1\",\"image\":\"$1:$2\"}]}}}}"
}

stage() {
  bin/ordinal up --nodes simulated=3 --statefulset-controller none --kubeconfig "" --api-port 0
  in_tree
  install
  kubectl create namespace db
  set_of postgres 5432
  set_of kafka 9092
  image kafka 2 crash-loop
  kubectl wait -n db pod/kafka-2 --for=jsonpath='{.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff' --timeout=60s
  image kafka 3 ready
  until kubectl ordinal status; do sleep 0.2; done
}

trap end EXIT
printf '%s# A cluster with the in-tree StatefulSet controller, two databases, and Ordinal, which is installed%s\n' "$bold" "$plain"
stage >"$dir/stage" 2>&1 || { cat "$dir/stage" >&2; exit 1; }

show kubectl get pods -n db
printf '\n%s# kafka:2 crashes, kafka:3 does not, and the in-tree controller waits for kafka-2 (kubernetes#67250)%s\n' "$bold" "$plain"

say "Can the in-tree controller be kept out of a namespace here?"
show kubectl ordinal preflight

say "What would change if Ordinal had this one?"
show kubectl ordinal take db --dry-run

say "Then it shall have it"
show kubectl ordinal take db
kubectl rollout status -n db sts/kafka --timeout=60s >"$dir/rollout"
show kubectl ordinal status
show kubectl get pods -n db

say "And back again: postgres has the pods that it had"
show kubectl ordinal give-back db
show kubectl get pods -n db
