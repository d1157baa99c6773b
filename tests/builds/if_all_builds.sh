#!/bin/bash
# Runs a command if all builds are wanted, which takes minutes; else it is a skipped test.   if_all_builds.sh COMMAND...
[ -n "${POSTERN_ALL_BUILDS-}" ] || exit 77
exec "$@"
