#!/bin/sh
# Pins each image of these files, a Dockerfile or compositions, by the digest that its registry has for its tag now.
# Images that are built here, and those that are pinned already, are left alone.
set -eu

digest() {
    if command -v skopeo > /dev/null; then
        skopeo inspect --format '{{.Digest}}' "docker://$1"
    else
        docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1"
    fi
}

for file in "$@"; do
    images=$(sed -n 's/^FROM  *\([^ ]*\).*/\1/p; s/^ *image: *\([^ ]*\).*/\1/p' "$file" | sort -u)
    for image in $images; do
        case $image in sas-endpoint:* | *@*) continue ;; esac
        digest=$(digest "$image")
        case $digest in sha256:*) ;; *) echo "$image: no digest: $digest" >&2; exit 1 ;; esac
        escaped=$(printf '%s' "$image" | sed 's/[.\/]/\\&/g')
        sed -i "s/\(^FROM  *\|^ *image: *\)$escaped\( \|\$\)/\1$escaped@$digest\2/" "$file"
        echo "$file: $image@$digest"
    done
done
