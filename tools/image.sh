#!/usr/bin/env bash
# Builds the container image of a release for this machine from the Dockerfile: image.sh build VERSION. The result is
# dist/freshframe-VERSION-image-MACHINE.tar.gz, which `docker load` reads. Uses buildah, which needs neither a daemon nor
# root, and installs it if it is missing (as root, or by sudo without a password). IMAGE_BASE replaces debian:12-slim. If
# buildah cannot create containers here, set its own variables BUILDAH_ISOLATION=chroot and STORAGE_DRIVER=vfs.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

most=120000000  # bytes of the compressed image
[ "${1:-}" = build ] && [ $# = 2 ] || { echo "tools/image.sh: wanted is image.sh build VERSION; got: $*" >&2; exit 1; }
name=freshframe:$2
archive=dist/freshframe-$2-image-$(uname -m).tar
mkdir -p dist
if ! command -v buildah >/dev/null; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -qq -y buildah >/dev/null  # with its recommended packages: a runtime, and subordinate user IDs
fi
# The OCI image format does not support health checks.
buildah bud --format docker --tag "$name" ${IMAGE_BASE:+--build-arg "BASE=$IMAGE_BASE"} .

tried=$(buildah from "$name")
trap 'buildah rm "$tried" >/dev/null' EXIT
user=$(buildah run "$tried" -- id -u)
[ "$user" != 0 ] || { echo "tools/image.sh: the image runs as root" >&2; exit 1; }
buildah run "$tried" -- freshframe doctor

rm -f "$archive"
buildah push "$name" "docker-archive:$archive:$name"
gzip --no-name --force "$archive"
size=$(stat -c %s "$archive.gz")
echo "$archive.gz: $((size / 1000000)) MB, of at most $((most / 1000000))"
[ "$size" -le $most ] || { echo "tools/image.sh: the image has $size bytes compressed, at most $most are allowed" >&2; exit 1; }
