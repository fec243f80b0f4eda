#!/usr/bin/env bash
# Puts a server that speaks Azure's blobs, Azurite, where the tests look for it: build/tools/azurite. It comes from npm,
# pinned. Where it cannot be had this says so and ends well: the tests that need it print `skipped: REASON`.
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.35.0
folder=build/tools/azurite
stamp=$folder/version-$version

[ -e "$stamp" ] && exit 0
rm -rf "$folder"
mkdir -p "$folder"
if command -v npm >/dev/null &&
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$folder" "azurite@$version" &&
    [ -x "$folder/node_modules/.bin/azurite-blob" ]; then
    touch "$stamp"
else
    rm -rf "$folder"
    echo "setup: no Azurite $version for this machine; the tests against Azure are skipped" >&2
fi
