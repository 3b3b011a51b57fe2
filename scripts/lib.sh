# What the set-up scripts share. Sourced by POSIX sh from the project's folder.

say() { printf '%s\n' "$*"; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 4
}

# apt_install PACKAGE... : as root, or through a sudo that asks nothing; else says the command.
apt_install() {
    command -v apt-get >/dev/null 2>&1 ||
        die "this machine needs: $*" "It has no apt-get: install their like with your package manager, then run make again."
    if [ "$(id -u)" = 0 ]; then as_root=
    elif sudo -n true >/dev/null 2>&1; then as_root='sudo -n'
    else die "this machine needs packages that only root can install" "run: sudo apt-get install -y --no-install-recommends $*"
    fi
    say "Installing from the distribution: $*"
    log=$(mktemp)
    # The lists may be missing or old on a fresh machine; the lock may be held by its unattended upgrades.
    if ! { $as_root apt-get -q -o DPkg::Lock::Timeout=300 update &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: $*" "run: sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
    fi
    rm -f "$log"
}
