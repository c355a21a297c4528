# An image with Python and freshframe's wheel alone, not root, for this machine's processor.
# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t freshframe .
#   docker run --rm freshframe doctor
#   docker run --rm --device /dev/video0 -p 8080:8080 freshframe track 0 --serve 8080 --host 0.0.0.0
#
# A wheel for Debian's Python that lies in dist/ is taken; without one it is built here, which takes a quarter of an hour.
# buildah keeps the health check with --format docker only.

ARG BASE=debian:12-slim

FROM ${BASE} AS build
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-dev python3-venv
COPY . .
RUN ls dist/freshframe-*-cp311-*_"$(uname -m)".whl || \
    { apt-get install -y --no-install-recommends $(grep -v '^#' tools/wheel/debian-packages.txt) && tools/wheel/build.sh python3; }
RUN python3 -m venv /opt/freshframe \
    && /opt/freshframe/bin/pip install --no-cache-dir --no-compile dist/freshframe-*-cp311-*_"$(uname -m)".whl \
    && /opt/freshframe/bin/pip uninstall --yes pip setuptools

FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc/* /usr/share/man/* \
    && useradd --uid 1000 --create-home --groups video watcher
COPY --from=build /opt/freshframe /opt/freshframe
ENV PATH=/opt/freshframe/bin:$PATH
# No rights are needed; cameras want the group that owns /dev/video*.
USER 1000
WORKDIR /home/watcher
HEALTHCHECK --interval=1m --timeout=30s --start-period=10s CMD ["freshframe", "doctor"]
ENTRYPOINT ["freshframe"]
CMD ["doctor"]
