# Builds freshframe's wheel, and an image that has nothing but Python and the wheel.
# SPDX-License-Identifier: Apache-2.0
#
#   docker build -t freshframe .
#   docker run --rm freshframe doctor
#   docker run --rm --device /dev/video0 -p 8080:8080 freshframe track 0 --serve 8080 --host 0.0.0.0

FROM debian:12 AS build
# The packages first: they change less often than the sources.
WORKDIR /src
COPY tools/wheel/debian-packages.txt tools/wheel/
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-dev python3-venv \
    $(grep -v '^#' tools/wheel/debian-packages.txt) && rm -rf /var/lib/apt/lists/*
COPY . .
RUN tools/wheel/build.sh python3

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/dist/*.whl /wheels/
RUN python3 -m venv /opt/freshframe && /opt/freshframe/bin/pip install --no-cache-dir /wheels/*.whl && rm -rf /wheels
ENV PATH=/opt/freshframe/bin:$PATH
# No rights are needed; cameras want the group that owns /dev/video*.
RUN useradd --create-home --groups video watcher
USER watcher
WORKDIR /home/watcher
ENTRYPOINT ["freshframe"]
CMD ["doctor"]
