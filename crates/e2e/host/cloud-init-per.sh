#!/bin/sh
# cloud-init-per FREQUENCY NAME COMMAND...: runs the command unless it has run on this instance, as cloud-init's own.
set -eu
[ "$1" = instance ] || { echo "cloud-init-per: $1 is not known here" >&2; exit 1; }
mark=/var/lib/cloud/instance/sem/bootper.$2.instance
[ ! -e "$mark" ] || exit 0
shift 2
"$@"
mkdir -p "${mark%/*}"
: >"$mark"
