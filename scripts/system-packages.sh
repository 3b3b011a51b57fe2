#!/bin/sh
# Installs what system-packages.txt lists for a make target and this machine lacks.
# usage: scripts/system-packages.sh TARGET
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

wanted=
better=
while IFS='|' read -r targets rest; do
    case ,$(printf %s "$targets" | tr -d ' '), in *,"$1",*) ;; *) continue ;; esac
    # The probe may hold "||": packages and reason are the last two fields.
    reason=${rest##*|}
    rest=${rest%|*}
    packages=${rest##*|}
    probe=${rest%|*}
    if sh -c "$probe" >/dev/null 2>&1; then continue; fi
    reason=$(printf %s "$reason" | sed 's/^ *//')
    case $packages in
    *\?*)
        packages=$(printf %s "$packages" | tr -d '?')
        say "Useful:$packages($reason)"
        better="$better $packages"
        ;;
    *)
        say "Needed:$packages($reason)"
        wanted="$wanted $packages"
        ;;
    esac
done <scripts/system-packages.txt
# shellcheck disable=SC2086 -- one word for each package
[ -z "$wanted" ] || apt_install $wanted
# In a subshell: a failure there is told and ends nothing here.
# shellcheck disable=SC2086 -- as above
[ -z "$better" ] || (apt_install $better 2>/dev/null) || say "Going on without$better"
