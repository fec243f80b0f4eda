#!/usr/bin/env bash
# Makes what a closed farm needs, once, into a folder that only its owner may enter: an authority and a certificate,
# tokens and their file, the passwords of the database and of the S3 server. What is there is left as it is. For a
# farm on one machine or a first look; a farm that others depend on has an authority and a place for secrets of its own.
#
#   deploy/secrets.sh FOLDER NAME...      the coordinator's DNS names and addresses: `coordinator 127.0.0.1`
#
# The program is `cleanplate` of the PATH, or what CLEANPLATE says: CLEANPLATE="docker run --rm cleanplate-coordinator".
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: deploy/secrets.sh FOLDER NAME...   names and addresses of the coordinator, for its certificate" >&2
    exit 2
fi
folder=$1
shift
read -r -a cleanplate <<<"${CLEANPLATE:-cleanplate}"
mkdir -p "$folder"
# The files may be read by whoever a container runs as; the folder keeps everybody else out.
chmod 700 "$folder"
umask 022

names=
for name in "$@"; do
    case $name in
    *[!0-9.]*) names+=",DNS:$name" ;;
    *) names+=",IP:$name" ;;
    esac
done

certificate() {
    local made
    made=$(mktemp -d)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj "/CN=cleanplate farm" \
        -keyout "$made/ca.key" -out "$made/ca.crt" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$made/tls.key" \
        -out "$made/tls.csr" 2>/dev/null
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n' "${names#,}" >"$made/extensions"
    openssl x509 -req -in "$made/tls.csr" -CA "$made/ca.crt" -CAkey "$made/ca.key" -CAcreateserial -days 825 \
        -extfile "$made/extensions" -out "$made/tls.crt" 2>/dev/null
    # The authority's key is not kept: it signs this one certificate.
    install -m 644 "$made/ca.crt" "$made/tls.crt" "$made/tls.key" "$folder"
    rm -r "$made"
}

# FILE, and what `token new` is to make of it.
token() {
    local file=$1 entry
    shift
    entry=$(mktemp)
    "${cleanplate[@]}" token new "$@" >"$folder/$file" 2>"$entry"
    # What else is told there (by a runtime of containers, say) is none of it.
    grep -E '^(\[\[token\]\]|[a-z0-9_]+ = ["[].*)$' "$entry" >>"$folder/tokens.toml.new"
    rm "$entry"
}

password() { openssl rand -hex 24; }

[ -e "$folder/tls.crt" ] || certificate "$1"
if [ ! -e "$folder/tokens.toml" ]; then
    rm -f "$folder/tokens.toml.new"
    token admin.token --role admin
    token join.token --join
    mv "$folder/tokens.toml.new" "$folder/tokens.toml"
fi
[ -e "$folder/postgres.password" ] || printf %s "$(password)" >"$folder/postgres.password"
if [ ! -e "$folder/s3.json" ]; then
    secret=$(password)
    cat >"$folder/s3.json" <<END
{"identities": [{"name": "cleanplate", "credentials": [{"accessKey": "cleanplate", "secretKey": "$secret"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
END
    printf 'AWS_ACCESS_KEY_ID=cleanplate\nAWS_SECRET_ACCESS_KEY=%s\n' "$secret" >"$folder/s3.env"
fi
if [ ! -e "$folder/journal.env" ]; then
    printf 'PGPASSWORD=%s\n' "$(cat "$folder/postgres.password")" >"$folder/journal.env"
fi
chmod 644 "$folder"/*
echo "secrets: $folder" >&2
