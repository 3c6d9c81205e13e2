#!/usr/bin/env bash
# busybox puts a static busybox into bin/: this machine's, or else Debian's, which
# is downloaded and not installed. Pods of upstream's tests have it for a shell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# ldd fails on a program that needs no libraries.
static() { [[ -x $1 ]] && ! ldd "$1" >/dev/null 2>&1; }

if static bin/busybox; then exit 0; fi
installed=$(command -v busybox || true)
if static "$installed"; then
  cp "$installed" bin/busybox
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  printf 'ordinal: a static busybox must be on the PATH, and this is neither Debian nor Ubuntu, where it would be downloaded\n' >&2
  exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && { apt-get -qq -o APT::Sandbox::User=root download busybox-static || { apt-get -qq update && apt-get -qq -o APT::Sandbox::User=root download busybox-static; }; })
dpkg -x "$folder"/busybox-static_*.deb "$folder"
cp "$(find "$folder" -name busybox -type f -perm -u+x | head -n1)" bin/busybox
