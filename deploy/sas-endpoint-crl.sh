#!/bin/sh
# Fetches the revocation lists of CRL_URLS (addresses, with spaces between) for clients' authorities into FOLDER/crl.
#
#   sas-endpoint-crl [FOLDER]     /etc/sas-endpoint/trust unless said otherwise
#
# A list takes its place once it was read whole and an authority of FOLDER/client-ca.pem signed it: neither a page that
# says “maintenance” nor somebody else's list does. Where one fails, the others are fetched, and the end is a failure.
set -eu
cd "${1:-/etc/sas-endpoint/trust}"
trap 'rm -f new.*' EXIT

fetch() {
    new=$(mktemp new.XXXXXX) || return 1
    curl --fail --silent --show-error --location --max-time 60 --retry 5 --output "$new" "$1" || return 1
    openssl crl -inform DER -in "$new" -out "$new.pem" 2>/dev/null || openssl crl -in "$new" -out "$new.pem" || return 1
    # Its exit status is 0 where the signature is wrong.
    openssl crl -in "$new.pem" -noout -CAfile client-ca.pem 2>&1 | grep -q 'verify OK' || return 1
    chmod 644 "$new.pem" && mv "$new.pem" "crl/$(basename "$1").pem"
}

failed=0
for url in $CRL_URLS; do
    fetch "$url" || { echo "not taken up: $url" >&2; failed=1; }
done
exit "$failed"
