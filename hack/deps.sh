#!/usr/bin/env bash
# deps checks what the build needs, installs through apt what is missing (saying
# so first), and otherwise says what to install. It stops only where going on
# would fail: nft is needed to run ClusterIP Services, not to build.
set -euo pipefail

go_needed=1.26

fail() {
  printf 'ordinal: %s\n' "$1" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# gcc knows where the libraries are that it would link, on every distribution.
has_static_lib() { has gcc && [[ $(gcc -print-file-name="$1") == /* ]]; }

check_go() {
  has go || fail "Go $go_needed or newer is needed and there is none on the PATH: https://go.dev/dl"
  local version
  version=$(go env GOVERSION)
  version=${version#go}
  if [[ $(printf '%s\n%s\n' "$go_needed" "$version" | sort -V | head -n1) != "$go_needed" ]]; then
    fail "Go $go_needed or newer is needed and $(command -v go) is $version: https://go.dev/dl"
  fi
}

# missing prints the Debian packages that are lacking, one a line; the names
# are near enough to find them elsewhere.
missing() {
  has gcc || printf 'gcc\n'
  has_static_lib libc.a || printf 'libc6-dev\n'
  has pkg-config || printf 'pkg-config\n'
  has_static_lib libseccomp.a || printf 'libseccomp-dev\n'
  has nft || [[ -x /usr/sbin/nft ]] || printf 'nftables\n'
}

install() {
  printf '==> installing %s through apt (runc is built with seccomp, kube-proxy runs nft)\n' "$*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -qq -y --no-install-recommends "$@" </dev/null >/dev/null ||
    { apt-get update -qq </dev/null && apt-get install -qq -y --no-install-recommends "$@" </dev/null >/dev/null; }
}

check_go
mapfile -t packages < <(missing)
if ((${#packages[@]} == 0)); then exit 0; fi

if has apt-get && ((EUID == 0)); then
  install "${packages[@]}" || fail "apt could not install ${packages[*]}: see above, install them, and run this again"
  exit 0
fi

if has apt-get; then
  how="sudo apt-get install ${packages[*]}"
else
  how="your system's packages of ${packages[*]} (static libraries included)"
fi
if [[ ${packages[*]} == nftables ]]; then
  printf 'ordinal: nft is missing: ClusterIP Services will not route, headless ones will. To have both: %s\n' "$how" >&2
  exit 0
fi
fail "${packages[*]} must be installed first, and this is not root on Debian or Ubuntu. Run: $how"
