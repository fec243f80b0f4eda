#!/usr/bin/env bash
# Installs PostgreSQL from Debian's packages, where the tests find it: /usr/lib/postgresql/*/bin. No server is
# left running: the tests start their own. Where it cannot be had this says so and ends well: the tests that
# need it print `skipped: REASON`.
set -euo pipefail

missing() {
    echo "setup: no PostgreSQL: $*; the tests of the journal in PostgreSQL are skipped" >&2
    exit 0
}

compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && command -v setpriv >/dev/null && exit 0
command -v apt-get >/dev/null || missing "this is no Debian or Ubuntu"
[ "$(id -u)" -eq 0 ] || missing "as root, run scripts/setup-postgres.sh"

# The package would make a server for this machine and start it. This tells it not to; it goes again, so that
# whoever installs PostgreSQL for other ends later gets what they expect.
answer=/etc/postgresql-common/createcluster.d/cleanplate-tests.conf
trap 'rm -f "$answer"' EXIT
mkdir -p "$(dirname "$answer")"
echo 'create_main_cluster = false' >"$answer"

apt-get update -q || missing "apt-get update failed"
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql util-linux ||
    missing "apt-get install postgresql failed"
