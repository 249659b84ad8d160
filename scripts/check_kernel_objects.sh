#!/usr/bin/env bash
# Checks that files compiled for one CPU level export their table and nothing else. An inline library function compiled with wider
# instructions could otherwise be the copy that the linker keeps for code that runs on every CPU.
# Usage: check_kernel_objects.sh BUILD_DIRECTORY
set -euo pipefail

build=${1:?usage: check_kernel_objects.sh BUILD_DIRECTORY}
failed=0
checked=0

# nm's letters: upper case is global; W, V and u may be merged with copies in other objects; U is only needed here.
check_object() {
  local object=$1 strong weak
  strong=$(nm --defined-only "$object" | awk '$2 ~ /^[ABCDGRST]$/ {print $3}')
  weak=$(nm --defined-only "$object" | awk '$2 ~ /^[WwVvu]$/ {print $3}')
  checked=$((checked + 1))
  if [ "$(printf '%s' "$strong" | grep -c .)" -ne 1 ]; then
    printf '%s: expected one strong symbol, found:\n%s\n' "$object" "${strong:-none}"
    failed=1
  fi
  if [ -n "$weak" ]; then
    printf '%s: expected no weak symbols, found:\n%s\n' "$object" "$weak"
    failed=1
  fi
}

while IFS= read -r object; do
  check_object "$object"
done < <(find "$build/index" "$build/encoder" -path '*/kernels/*' \
  \( -name 'neon*.o' -o -name 'avx*.o' -o -name 'portable*.o' \) 2>/dev/null | sort)

if [ "$checked" -eq 0 ]; then
  echo "no kernel objects below $build: build it first"
  exit 1
fi
[ "$failed" -eq 0 ] && echo "$checked kernel objects export one table each"
exit "$failed"
