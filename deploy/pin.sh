#!/bin/sh
# Pins the images in these files, a Dockerfile or compositions, by the digest that the registry has for their tag now, and
# replaces existing digests. Images that are built here are not changed. No file is changed unless every digest was
# found.
set -eu

digest() {
    if command -v skopeo > /dev/null; then
        skopeo inspect --format '{{.Digest}}' "docker://$1"
    else
        docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1"
    fi
}

images=$(sed -n 's/^FROM  *\([^ ]*\).*/\1/p; s/^ *image: *\([^ ]*\).*/\1/p' "$@" | sed 's/@.*//' | sort -u)
edits=
for image in $images; do
    case $image in sas-endpoint:*) continue ;; esac
    digest=$(digest "$image")
    printf '%s\n' "$digest" | grep -Eqx 'sha256:[0-9a-f]{64}' || { echo "$image: no digest: $digest" >&2; exit 1; }
    escaped=$(printf '%s' "$image" | sed 's/[.\/]/\\&/g')
    edits="$edits
s/\(^FROM  *\|^ *image: *\)$escaped\(@[^ ]*\)\{0,1\}\( \|\$\)/\1$escaped@$digest\3/"
    echo "$image@$digest"
done
sed -i "$edits" "$@"
