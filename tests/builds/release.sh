#!/bin/bash
# The release binary: starts, knows its own configuration file, and is hardened as cmake/Options.cmake says.
set -euo pipefail
root=$1 postern=$2/gateway/postern
if [ ! -x "$postern" ]; then
  echo "there is no $postern"
  [ -n "${POSTERN_ALL_BUILDS-}" ] && exit 1
  exit 77
fi
"$postern" --version
"$postern" --config "$root/conf/postern.toml" --check-config
# In the places that the unit names.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
DESTDIR=$place cmake --install "$2" --strip --prefix /usr >/dev/null
for path in $(grep -oE '^Exec[A-Za-z]*=/usr/[^ ]+' "$root/conf/postern.service" | cut -d= -f2 | sort -u) \
  $(sed -n 's,^Documentation=file:,,p' "$root/conf/postern.service") /usr/lib/systemd/system/postern.service; do
  [ -e "$place$path" ] || { echo "not installed: $path"; exit 1; }
done
# What the installed documents point to is there with them.
doc=$place/usr/share/doc/postern
for page in "$doc"/*.md "$doc"/docs/*.md; do
  while read -r link; do
    [ -e "${page%/*}/$link" ] || { echo "not installed: $link, to which ${page##*/} points"; exit 1; }
  done < <(grep -oE '\]\([^)#:]+' "$page" | cut -c3-)
done
# -z now, relro, position independent, stack protector, fortified libc calls.
readelf -hW "$postern" | grep -q 'Type: *DYN' || { echo "not position independent"; exit 1; }
readelf -dW "$postern" | grep -qE 'FLAGS.*NOW|BIND_NOW' || { echo "not linked with -z now"; exit 1; }
readelf -lW "$postern" | grep -q GNU_RELRO || { echo "no relro"; exit 1; }
symbols=$(readelf -sW "$postern")
grep -q __stack_chk_fail <<<"$symbols" || { echo "no stack protector"; exit 1; }
grep -qE '__\w+_chk@' <<<"$symbols" || { echo "no fortified calls"; exit 1; }
! grep -qE '__(asan|tsan|ubsan)_' <<<"$symbols" || { echo "a sanitizer in the release build"; exit 1; }
