#!/usr/bin/env bash
# Tests the wheels of dist/ in bare Debian roots, which contain only the C library and Python: prove.sh SUITE...
# `forky-3.15`: with a Python of that suite that is not its default.
# `3.12`, `3.14t` and so on: bookworm, with that interpreter of tools/interpreters.sh instead of Debian's.
# `aarch64`: the wheel for aarch64 under QEMU, with Debian's Python from tools/aarch64/root.sh.
# `aarch64-3.13`: the same for that Python, from tools/aarch64/python.sh.
# tools/debian_root.sh makes the roots, or the program FRESH_ROOT, which gets the same arguments.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

if [ "${1:-}" = --inside ]; then  # inside the root: installs Python, makes a virtual environment, and installs the matching wheels
  cd "$2"
  python=python${3:-3}
  packages=("$python" "$python-venv")
  if [ -d interpreter ]; then  # and the libraries that Debian's own Python would install
    packages=(libssl3 libffi8 libsqlite3-0 libbz2-1.0 liblzma5 zlib1g libuuid1) python=$PWD/interpreter/bin/python3
  fi
  apt-get update -qq >/dev/null
  apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null 2>&1
  "$python" -m venv /tmp/venv
  began=$(date +%s%N)
  # Takes the wheels of this folder, even if an index has newer versions. gil-budget has none for a free-threaded Python.
  for name in freshframe gil-budget; do
    /tmp/venv/bin/pip download --quiet --no-index --no-deps --find-links dist --dest /tmp/wheel "$name" || [ "$name" = gil-budget ]
  done
  /tmp/venv/bin/pip install --quiet /tmp/wheel/*.whl
  echo "{\"step\": \"pip install\", \"found\": {\"seconds\": $((($(date +%s%N) - began) / 10000000))e-2}}"
  cd /tmp && exec venv/bin/python "$OLDPWD/prove.py"
fi

run_in_root=${FRESH_ROOT:-tools/debian_root.sh}
tools_python=$PWD/.venv/bin/python
if ! "$tools_python" -c 'import av, pytest' 2>/dev/null; then
  python3 -m venv --clear build/wheel/proof-python
  tools_python=$PWD/build/wheel/proof-python/bin/python
  "$tools_python" -m pip install --quiet --disable-pip-version-check \
    "$(grep -om 1 'av==[0-9.]*' pyproject.toml)" "$(grep -om 1 'pytest==[0-9.]*' pyproject.toml)" numpy
fi
folder=$PWD/build/wheel/proof
rm -rf "$folder"
mkdir -p "$folder/dist" "$folder/servers" "$folder/tools/wheel"
cp dist/*.whl "$folder/dist"
cp tools/wheel/prove.py README.md "$folder"
cp tools/wheel/prove.sh "$folder/tools/wheel"
mkdir -p "$folder/servers/rigs/live"
cp tests/python/rigs/{__init__,ports}.py "$folder/servers/rigs"
cp tests/python/rigs/live/{__init__,faulty_server,rtsp,servers}.py "$folder/servers/rigs/live"
# Clips and a certificate are made here, because the roots have neither PyAV's x264 nor openssl.
PYTHONPATH=tests/python "$tools_python" - "$folder" <<'END'
import sys
from pathlib import Path
from rigs.live.media import encode
folder = Path(sys.argv[1])
for kind in ("h264", "mpegts"):
    encode(kind).save(folder / f"{kind}.clip")
clip = encode("mp4", 90)
(folder / "h264.mp4").write_bytes(clip.header + b"".join(clip.frames))
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$folder/key" -out "$folder/certificate" 2>/dev/null
cat "$folder/certificate" "$folder/key" >"$folder/localhost.pem"
keep() {  # commits the folder, because a root gets a clone of it
  git -C "$folder" init -q
  git -C "$folder" add -f .
  git -C "$folder" -c user.name=proof -c user.email=proof@example.org commit --allow-empty -qm proof
}

# Copies an interpreter of tools/interpreters.sh next to the wheels. Both kinds of interpreters can be moved.
take_along() { # VERSION
  local path
  path=$(tools/interpreters.sh "$1")
  cp -a "$(dirname "$(dirname "$path")")" "$folder/interpreter"
  ln -sf "$(basename "$(readlink -f "$path")")" "$folder/interpreter/bin/python3"
  rm -rf "$folder"/interpreter/lib/python3*/{test,config-*} "$folder"/interpreter/lib/*.a
}

# Installs what pip chooses for such a machine into an empty folder, and runs all steps with only Python installed. The
# step "libraries" is repeated in the root with Debian's FFmpeg, which must not be loaded.
emulated() { # [VERSION]
  local site=$folder/site-packages version=$1 here=$PWD/build/aarch64
  local root=$here/root bare=$here/bare python=$here/bare-python
  tools/aarch64/root.sh
  if [ -z "$version" ]; then
    version=$(cd "$bare/usr/bin" && echo python3.*[0-9])
    version=${version#python}
  else
    tools/aarch64/python.sh "$version"
    bare=$here/python$version python=$bare-run
  fi
  local wheels=(dist/freshframe-*-"cp${version/./}"-*_aarch64.whl) abi=()
  if [[ $version = *t ]]; then
    abi=(--abi "cp${version/./}")
  elif [ "${version#3.}" -ge 12 ]; then
    wheels=(dist/freshframe-*-cp312-abi3-*_aarch64.whl)
  fi
  rm -rf "$site"
  "$tools_python" -m pip install --quiet --disable-pip-version-check --target "$site" --only-binary :all: --python-version "${version%t}" "${abi[@]}" \
    --platform manylinux_2_34_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 "${wheels[-1]}"
  if [ -n "$(find "$bare" -name 'libav*')" ]; then echo "$bare has an FFmpeg" >&2; return 1; fi
  [ -e "$root/usr/lib/aarch64-linux-gnu/libavcodec.so" ] || { echo "$root has no FFmpeg" >&2; return 1; }
  cd /tmp
  export PYTHONPATH=$site PYTHONDONTWRITEBYTECODE=1
  if [ -z "$1" ]; then "$here/python" "$folder/prove.py" libraries | sed -n 's/"libraries"/"libraries beside FFmpeg"/p'; fi
  "$python" "$folder/prove.py"
}

for suite in "$@"; do
  echo "== $suite"
  if [[ $suite = aarch64* ]]; then
    version=${suite#aarch64}
    (emulated "${version#-}") | tee "build/wheel/proof-$suite.jsonl"
    continue
  fi
  system=${suite%-*} version=${suite#"${suite%-*}"}
  rm -rf "$folder/interpreter"
  if [[ $suite = 3.* ]]; then
    take_along "$suite"
    system=bookworm
  fi
  keep
  "$run_in_root" -s "$system" -r "$folder" -- bash tools/wheel/prove.sh --inside . "${version#-}" | tee "build/wheel/proof-$suite.jsonl"
done
