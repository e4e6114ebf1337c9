#!/bin/sh
# Fetches the revocation lists at CRL_URLS (URLs separated by spaces) of the client authorities into FOLDER/crl.
#
#   sas-endpoint-crl [FOLDER]     default: /etc/sas-endpoint/trust
#
# A list replaces the previous one only if it is complete, an authority of FOLDER/client-ca.pem signed it, and its date of
# issue (thisUpdate) is not in the future. A “maintenance” page, a list of another authority or a list made with a wrong
# clock is discarded. If one list fails, the others are fetched, and the exit status is 1.
set -eu
cd "${1:-/etc/sas-endpoint/trust}"
# The endpoint ignores hidden files.
trap 'rm -f crl/.new.*' EXIT
# Maximum size of a list, in bytes. curl enforces it only if the server announces the size; ulimit stops every file of
# this script at twice as much (in blocks of 512 bytes).
MAX_SIZE=16777216
ulimit -f 65536

# Tolerated difference between clocks, in seconds.
TOLERANCE=300

fetch() {
    new=$(mktemp crl/.new.XXXXXX) || return 1
    curl --fail --silent --show-error --location --max-redirs 3 --proto '=http,https,file' --proto-redir '=http,https' \
        --max-filesize "$MAX_SIZE" --max-time 60 --retry 5 --retry-max-time 240 --output "$new" "$1" || return 1
    [ "$(wc -c <"$new")" -le "$MAX_SIZE" ] || return 1
    openssl crl -inform DER -in "$new" -out "$new.pem" 2>/dev/null || openssl crl -in "$new" -out "$new.pem" || return 1
    # The exit status of openssl is 0 even if the signature is wrong.
    openssl crl -in "$new.pem" -noout -CAfile client-ca.pem 2>&1 | grep -q 'verify OK' || return 1
    made=$(openssl crl -in "$new.pem" -noout -lastupdate) || return 1
    made=$(date --utc --date "${made#lastUpdate=}" +%s) || return 1
    if [ "$made" -gt $(($(date +%s) + TOLERANCE)) ]; then
        echo "its date of issue is in the future" >&2
        return 1
    fi
    chmod 644 "$new.pem" && mv "$new.pem" "crl/$(basename "$1").pem"
}

failed=0
for url in $CRL_URLS; do
    fetch "$url" || { echo "discarded: $url" >&2; failed=1; }
done
exit "$failed"
