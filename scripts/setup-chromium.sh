#!/usr/bin/env bash
# Installs Chromium and its driver from Debian's packages, with which the tests of the dashboard look at it. Where they
# cannot be had this says so and ends well: those tests print `skipped: REASON`.
set -euo pipefail

missing() {
    echo "setup: no Chromium: $*; the tests of the dashboard are skipped" >&2
    exit 0
}

command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
command -v apt-get >/dev/null || missing "this is no Debian or Ubuntu"
[ "$(id -u)" -eq 0 ] || missing "as root, run scripts/setup-chromium.sh"
apt-get update -q || missing "apt-get update failed"
# Ubuntu's packages of these names lead to a snap, which a container cannot run.
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium chromium-driver ||
    missing "apt-get install chromium chromium-driver failed"
