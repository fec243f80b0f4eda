#!/usr/bin/env bash
# Installs what builds and runs container images here, from Debian's packages: podman with runc, and mmdebstrap,
# which makes the base image where no registry of images is reached. Where it cannot be had, or may not run, this
# says so and ends well: `make containers` and the test of it print `skipped: REASON`.
set -euo pipefail

missing() {
    echo "setup: no podman: $*; images are neither built nor run here" >&2
    exit 0
}

# Everything that is called for, and not only podman, which may be there without the others.
complete() {
    local program
    for program in podman runc mmdebstrap openssl; do
        command -v "$program" >/dev/null || return 1
    done
}

complete && exit 0
command -v apt-get >/dev/null || missing "this is no Debian or Ubuntu"
[ "$(id -u)" -eq 0 ] || missing "as root, run scripts/setup-podman.sh"
apt-get update -q || missing "apt-get update failed"
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends podman runc mmdebstrap openssl ||
    missing "apt-get install podman runc mmdebstrap failed"
