#!/bin/bash
# The shell under ThreadSanitizer: the unit tests that have threads; of the running binary what has several shards (load, polling, push
# streams, tickets of a back end, several streams, every door), and the probes, which have one. With patience: the sanitizer takes several
# times as long.
set -euo pipefail
build=$2
if [ ! -x "$build/gateway/postern" ]; then
  echo "there is no $build/gateway/postern"
  [ -n "${POSTERN_ALL_BUILDS-}" ] && exit 1
  exit 77
fi
export TSAN_OPTIONS="halt_on_error=1 exitcode=99 second_deadlock_stack=1"
export POSTERN_E2E_PATIENCE=5
exec ctest --test-dir "$build" --output-on-failure -j "$(nproc)" --no-tests=error -E '_memory$' -R '^(unit\.gateway_(shell|way_to_server)$|e2e\.(probe_|polling|scripted|shutdown|load|prebind$|streams$|push_streams|core))'
