#!/usr/bin/env bash
# Publishes the parts of a release that are in dist/: publish.sh page|site|image TAG. .github/workflows/release.yml calls it
# with GH_TOKEN, GITHUB_REPOSITORY (OWNER/NAME) and GITHUB_ACTOR in its environment.
#   page   the release's page on the host, with its notes and files
#   site   the documentation, as VERSION/ and, for the newest version, as latest/, on the branch gh-pages
#   image  the container images of each machine, and one name for all, in the host's registry
# Each can be repeated after a failure: whatever was already published is replaced.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

die() { printf 'tools/publish.sh: %s\n' "$*" >&2; exit 1; }
[ $# = 2 ] || die "wanted is publish.sh page|site|image TAG; got: $*"
tag=$2
version=${tag#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "a tag is like v0.2.0, got $tag"

remote=${SITE_REMOTE:-https://github.com/${GITHUB_REPOSITORY:-}.git}

# A fix for an older version must not become the newest one.
is_newest() {
  [ "$(git ls-remote --tags --refs "$remote" 'v*' | sed -n 's|.*refs/tags/v\([0-9.]*\)$|\1|p' | sort -V | tail -1)" = "$version" ]
}

page() {
  local notes=dist/freshframe-$version-notes.md latest=false
  [ -f "$notes" ] || die "$notes is missing: tools/release.py $version --make notes"
  if is_newest; then latest=true; fi
  if gh release view "$tag" >/dev/null 2>&1; then
    gh release upload "$tag" --clobber dist/*
  else
    gh release create "$tag" --verify-tag --latest=$latest --title "freshframe $version" --notes-file "$notes" dist/*
  fi
}

# Prints the folders of versions, oldest first.
versions() { (cd build/pages && printf '%s\n' [0-9]*/ | tr -d / | sort -V); }

site() {
  local archive=dist/freshframe-$version-site.tar.gz each
  [ -f "$archive" ] || die "$archive is missing: tools/release.py $version --make site"
  if [ -z "${SITE_REMOTE:-}" ]; then gh auth setup-git; fi
  rm -rf build/pages
  if git ls-remote --exit-code --heads "$remote" gh-pages >/dev/null; then
    git clone --quiet --depth 1 --branch gh-pages "$remote" build/pages
  else
    git init --quiet --initial-branch gh-pages build/pages
    git -C build/pages remote add origin "$remote"
  fi
  rm -rf "build/pages/$version"
  mkdir -p "build/pages/$version"
  tar -xzf "$archive" -C "build/pages/$version"
  if [ "$(versions | tail -1)" = "$version" ]; then
    rm -rf build/pages/latest
    cp -r "build/pages/$version" build/pages/latest
  fi
  {
    printf '<!doctype html>\n<meta charset="utf-8">\n<title>freshframe</title>\n'
    printf '<meta http-equiv="refresh" content="3; url=latest/">\n<a href="latest/">the newest version</a>\n'
    for each in $(versions); do printf '<a href="%s/">%s</a>\n' "$each" "$each"; done
  } >build/pages/index.html
  touch build/pages/.nojekyll  # otherwise folders whose names start with _ are not served
  git -C build/pages add --all
  if git -C build/pages diff --cached --quiet; then return; fi  # already published
  git -C build/pages -c user.name=freshframe -c user.email=freshframe@users.noreply.github.com commit --quiet -m "site of $version"
  git -C build/pages push --quiet origin gh-pages
}

image() {
  local name=ghcr.io/${GITHUB_REPOSITORY,,} archives=(dist/freshframe-"$version"-image-*.tar.gz) archive machine
  [ -f "${archives[0]}" ] || die "${archives[0]} is missing: tools/release.py $version --make image"
  buildah login --username "$GITHUB_ACTOR" --password-stdin ghcr.io <<<"$GH_TOKEN"
  buildah manifest rm "$name:$version" >/dev/null 2>&1 || true
  buildah manifest create "$name:$version"
  for archive in "${archives[@]}"; do
    machine=${archive##*-image-}
    machine=${machine%.tar.gz}
    gunzip --keep --force "$archive"
    buildah push "$(buildah pull "docker-archive:${archive%.gz}")" "docker://$name:$version-$machine"
    buildah manifest add "$name:$version" "docker://$name:$version-$machine"
  done
  buildah manifest push --all "$name:$version" "docker://$name:$version"
  if is_newest; then buildah manifest push --all "$name:$version" "docker://$name:latest"; fi
}

case $1 in
  page | site | image) "$1" ;;
  *) die "wanted is page, site or image; got $1" ;;
esac
