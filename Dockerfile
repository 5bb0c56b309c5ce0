# mattingd as a container: docs/INSTALL.md.
#
#   docker build -t mattingd .                        runs on the processor
#   docker build -t mattingd:cuda --build-arg TORCH=cuda .    runs on NVIDIA GPUs, and on the processor without one

ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# `cpu` or `cuda`: which build of PyTorch, and which ONNX Runtime.
ARG TORCH=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && python3 -m venv /opt/mattingd
WORKDIR /source

# PyTorch first: it is most of the image and changes seldom. The package index has the CUDA build.
COPY constraints.txt ./
RUN case "${TORCH}" in \
        cpu) index="--extra-index-url https://download.pytorch.org/whl/cpu" ;; \
        cuda) index="" ;; \
        *) echo "TORCH is cpu or cuda, not ${TORCH}" >&2; exit 2 ;; \
    esac \
    && /opt/mattingd/bin/pip install ${index} --constraint constraints.txt torch

COPY pyproject.toml README.md LICENSE ./
COPY systemd ./systemd
COPY mattingd ./mattingd
# Without the extra `jxl`: its plug-in has the GPL, and what we hand on has not.
RUN case "${TORCH}" in cpu) onnx=onnx ;; *) onnx=onnx-gpu ;; esac \
    && /opt/mattingd/bin/pip install --constraint constraints.txt ".[${onnx},dask,language,raw,web]"


FROM ${BASE}
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates fonts-wqy-microhei python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 mattingd \
    && useradd --uid 10001 --gid mattingd --home-dir /state --no-create-home --shell /usr/sbin/nologin mattingd \
    && install -d -o mattingd -g mattingd -m 2775 /in /out \
    && install -d -o mattingd -g mattingd -m 0750 /state
COPY --from=build /opt/mattingd /opt/mattingd
COPY deploy/docker/config.yaml /etc/mattingd/config.yaml

# All that is written is below /state (journal, models, caches) and /out; /tmp is a tmpfs: see compose.yaml.
ENV PATH=/opt/mattingd/bin:$PATH \
    HOME=/state \
    XDG_CACHE_HOME=/state/cache \
    CUDA_CACHE_PATH=/state/cache/cuda \
    MATTINGD_CONFIG=/etc/mattingd/config.yaml \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /state
USER mattingd:mattingd
VOLUME ["/in", "/out", "/state"]

# Healthy means: the daemon answers. It does once the model is loaded and tested.
HEALTHCHECK --interval=30s --timeout=20s --start-period=16m --retries=3 CMD ["mattingd", "status"]

# Pictures in work are finished (`stop_seconds`, 60); the one who stops it should wait 90 s.
STOPSIGNAL SIGTERM

# Cut-outs are for the group to use, as with the service.
ENTRYPOINT ["/bin/sh", "-c", "umask 0002 && exec mattingd \"$@\"", "mattingd"]
CMD ["run"]
