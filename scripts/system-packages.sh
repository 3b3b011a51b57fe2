#!/bin/sh
# Installs what system-packages.txt lists for a make target and this machine lacks.
# usage: scripts/system-packages.sh TARGET
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

wanted=
while IFS='|' read -r targets rest; do
    case ,$(printf %s "$targets" | tr -d ' '), in *,"$1",*) ;; *) continue ;; esac
    # The probe may hold "||": packages and reason are the last two fields.
    reason=${rest##*|}
    rest=${rest%|*}
    packages=${rest##*|}
    probe=${rest%|*}
    if ! sh -c "$probe" >/dev/null 2>&1; then
        say "Needed:$packages($(printf %s "$reason" | sed 's/^ *//'))"
        wanted="$wanted $packages"
    fi
done <scripts/system-packages.txt
# shellcheck disable=SC2086 -- one word for each package
[ -z "$wanted" ] || apt_install $wanted
