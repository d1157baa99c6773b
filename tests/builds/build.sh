#!/bin/bash
# Configures and builds; silent unless it fails.   build.sh PRESET [CMAKE_OPTION...] [-- BUILD_OPTION...]
set -euo pipefail
cd "$(dirname "$0")/../.."
preset=$1 configure=()
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do configure+=("$1") && shift; done
[ $# -eq 0 ] || shift

# A compiler with sanitizers and Asio's coroutines takes up to 1.5 GB: fewer at a time beats one killed for memory.
jobs=$(nproc)
memory=$(awk '/^MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
if [ "$memory" -ge 1 ] && [ "$memory" -lt "$jobs" ]; then jobs=$memory; fi

log=build/$preset.log
mkdir -p build
echo "building $preset"
if ! { cmake --preset "$preset" "${configure[@]}" && cmake --build --preset "$preset" -j "$jobs" "$@"; } >"$log" 2>&1; then
  grep -E -A 12 '(: (fatal )?error:|CMake Error|FAILED:|undefined reference)' "$log" | head -n 80 >&2 || tail -n 40 "$log" >&2
  echo "the $preset build failed; all of its output is in $log" >&2
  exit 1
fi
