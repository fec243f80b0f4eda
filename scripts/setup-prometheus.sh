#!/usr/bin/env bash
# Puts Debian's Prometheus and promtool where the tests look for them: build/tools/prometheus/usr/bin. The package is
# unpacked and not installed, so that no service is started. Where it cannot be had this says so and ends well: the
# tests that need it print `skipped: REASON`.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=build/tools/prometheus

missing() {
    rm -rf "$folder"
    echo "setup: no Prometheus: $*; the test of the dashboard against a real one is skipped" >&2
    exit 0
}

"$folder/usr/bin/prometheus" --version >/dev/null 2>&1 && exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || missing "this is no Debian or Ubuntu"
rm -rf "$folder"
mkdir -p "$folder"
(cd "$folder" && apt-get -q download prometheus) || missing "apt-get download prometheus failed (after apt-get update?)"
dpkg-deb -x "$folder"/prometheus_*.deb "$folder" || missing "the package cannot be unpacked"
"$folder/usr/bin/prometheus" --version >/dev/null 2>&1 || missing "the unpacked program does not start here"
