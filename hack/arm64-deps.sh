#!/usr/bin/env bash
# arm64-deps gets what runc takes to be cross-compiled for arm64: a C compiler, which
# apt installs, and libseccomp for arm64, which is only unpacked into DIRECTORY, so
# that the machine does not become one of two architectures.
#
#   hack/arm64-deps.sh DIRECTORY
set -euo pipefail

sysroot=$1

fail() {
  printf 'ordinal: %s\n' "$1" >&2
  exit 1
}

if [[ $(go env GOARCH) == arm64 ]]; then exit 0; fi # nothing to cross

command -v apt-get >/dev/null 2>&1 ||
  fail "cross-compiling for arm64 takes aarch64-linux-gnu-gcc with its static C library on the PATH, and libseccomp for arm64 in $sysroot, as Debian lays it out"

if [[ ! -e /usr/aarch64-linux-gnu/lib/libc.a ]] || ! command -v aarch64-linux-gnu-gcc >/dev/null 2>&1; then
  packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
  ((EUID == 0)) || fail "missing to cross-compile for arm64: sudo apt-get install ${packages[*]}"
  printf '==> installing %s through apt\n' "${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -qq -y --no-install-recommends "${packages[@]}" </dev/null >/dev/null ||
    { apt-get update -qq </dev/null && apt-get install -qq -y --no-install-recommends "${packages[@]}" </dev/null >/dev/null; }
fi

if [[ -e $sysroot/usr/lib/aarch64-linux-gnu/libseccomp.a ]]; then exit 0; fi

# Lists of packages of its own, since those of the machine are for its architecture.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$sysroot"
apt() {
  apt-get -qq -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root \
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 "$@" </dev/null
}
apt update
(cd "$work" && apt download libseccomp-dev:arm64)
dpkg-deb -x "$work"/libseccomp-dev_*_arm64.deb "$sysroot"
