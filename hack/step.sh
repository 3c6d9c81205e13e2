#!/usr/bin/env bash
# step runs one long command and shows that it is alive.
#
#   hack/step.sh LABEL COMMAND...
#
# Compiling prints nothing for minutes, or with `go build -v` two thousand
# package paths. This condenses those paths into one live line on a terminal,
# and elsewhere into a plain line every 30 s. Every other line of output passes
# through. The exit status is the command's.
set -uo pipefail

label=$1
shift

live=false
if [[ -t 1 && -z "${CI:-}" && "${TERM:-dumb}" != dumb ]]; then live=true; fi

started=$SECONDS
reported=$SECONDS
compiled=0
package=
line=

elapsed() {
  local s=$((SECONDS - started))
  if ((s >= 60)); then printf '%dm%02ds' $((s / 60)) $((s % 60)); else printf '%ds' "$s"; fi
}

progress() {
  printf '%s · %s' "$label" "$(elapsed)"
  if ((compiled > 0)); then printf ' · %d packages compiled · %.50s' "$compiled" "$package"; fi
}

clear_live() {
  if $live; then printf '\r\033[K'; fi
}

tick() {
  if $live; then
    clear_live
    printf '   %s' "$(progress)"
  elif ((SECONDS - reported >= 30)); then
    reported=$SECONDS
    printf '   %s\n' "$(progress)"
  fi
}

# A package path, as `go build -v` prints one, is a single word of these
# characters; a compiler's message always has a space or a colon.
compiling=false
if [[ "$*" == "go build -v "* ]]; then compiling=true; fi
is_package() { $compiling && [[ $1 =~ ^[a-z0-9][A-Za-z0-9._~/-]*$ ]]; }

printf '==> %s\n' "$label"
exec 3< <("$@" </dev/null 2>&1; printf '\nexit:%d\n' $?)
status=1
while :; do
  if IFS= read -r -t 1 -u 3 chunk; then
    line+=$chunk
    if [[ $line =~ ^exit:([0-9]+)$ ]]; then
      status=${BASH_REMATCH[1]}
      break
    elif is_package "$line"; then
      compiled=$((compiled + 1))
      package=$line
    elif [[ -n $line ]]; then
      clear_live
      printf '%s\n' "$line"
    fi
    line=
  elif (($? > 128)); then # timed out; what was read of the line is kept
    line+=$chunk
  else
    break
  fi
  tick
done
clear_live
if ((status == 0)); then
  printf '    done: %s\n' "$(progress)"
else
  printf '    FAILED: %s (exit status %d)\n' "$(progress)" "$status" >&2
fi
exit "$status"
