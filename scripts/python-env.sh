#!/bin/sh
# Makes .venv and installs the project into it, editable, with extras. Quick where nothing changed.
# usage: scripts/python-env.sh EXTRA...      PYTHON=/path/to/python3 chooses the interpreter
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

VENV=.venv
PY=$VENV/bin/python
STAMPS=$VENV/stamps

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# The newest of the versions that the dependencies publish wheels for; a python3 of another version comes last.
find_python() {
    for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
        if is_new_enough "$candidate"; then command -v "$candidate"; return; fi
    done
    return 1
}

make_venv() {
    if ! base=$(find_python); then
        found=$("${PYTHON:-python3}" --version 2>/dev/null) || found="no ${PYTHON:-python3}"
        die "Python 3.11 or newer is needed, and here is $found" "Install one (on Debian 12, Ubuntu 24.04 and newer: sudo apt-get install python3), or name it: make PYTHON=/path/to/python3"
    fi
    say "Making $VENV with $("$base" --version)"
    # Debian keeps what a new environment's pip comes from in a package of its own.
    if ! "$base" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        apt_install "$("$base" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    rm -rf $VENV
    "$base" -m venv $VENV || die "$base cannot make a virtual environment" "run: sudo apt-get install -y python3-venv"
}

# uv reads none of pip's settings, and a site's mirror and certificates are often set for pip alone.
pip_settings_for_uv() {
    index=$("$PY" -m pip config get global.index-url 2>/dev/null || true)
    index=${PIP_INDEX_URL:-$index}
    certificates=$("$PY" -m pip config get global.cert 2>/dev/null || true)
    certificates=${PIP_CERT:-$certificates}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "$certificates" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
}

install() {
    if [ ! -x $VENV/bin/uv ]; then
        "$PY" -m pip install -q --disable-pip-version-check 'uv>=0.8' >/dev/null 2>&1 || say "uv cannot be had: pip it is"
    fi
    if [ -x $VENV/bin/uv ]; then
        pip_settings_for_uv
        log=$(mktemp)
        if $VENV/bin/uv pip install -q --compile-bytecode --python "$PY" -e "$1" >"$log" 2>&1; then rm -f "$log"; return; fi
        tail -n 5 "$log" >&2
        rm -f "$log"
        say "uv could not install: pip tries"
    fi
    "$PY" -m pip install -q --disable-pip-version-check -e "$1" ||
        die "the Python packages could not be installed" "The lines above say why. Is there a network? Run make again."
}

# A folder that was moved, or whose interpreter went away, is made anew: its scripts name both.
wanted="$(pwd) $(cksum <pyproject.toml)"
if [ ! -f $STAMPS/where ] || [ "$(cat $STAMPS/where)" != "$(pwd)" ] || ! is_new_enough $PY; then
    # An environment that someone made by hand, here and working, is taken over.
    [ -d $VENV ] && [ ! -d $STAMPS ] && is_new_enough $PY && "$PY" -m pip --version >/dev/null 2>&1 || make_venv
    mkdir -p $STAMPS
    pwd >$STAMPS/where
fi

missing=
for extra in "$@"; do
    if [ ! -f "$STAMPS/$extra" ] || [ "$(cat "$STAMPS/$extra")" != "$wanted" ]; then missing=${missing:+$missing,}$extra; fi
done
if [ -n "$missing" ]; then
    say "Installing the Python packages ($missing)"
    install ".[$missing]"
    for extra in "$@"; do printf '%s\n' "$wanted" >"$STAMPS/$extra"; done
fi
