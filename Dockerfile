# syntax=docker/dockerfile:1
# Sonic's base install: engine `light` on a CPU, as an unprivileged user. docs/container.md shows how to run it.

FROM python:3.12-slim-bookworm AS build
# Portable kernels: the image runs on other processors than the one that built it.
ENV SONIC_PORTABLE=1 UV_PROJECT_ENVIRONMENT=/opt/sonic UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
# Dependencies first: this layer is built anew only when the lock file changes.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY LICENSE NOTICE README.md build_kernels.py ./
COPY src src
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.12-slim-bookworm
COPY --from=build /opt/sonic /opt/sonic
# Keys, consents and audit log live in /data, inputs and outputs in /work; nothing else but /tmp is written.
# Whoever runs with another --user makes both writable for it.
RUN install --directory --owner=10001 --group=10001 --mode=700 /data && install --directory --owner=10001 --group=10001 /work
ENV PATH=/opt/sonic/bin:$PATH HOME=/nonexistent SONIC_HOME=/data PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /work
VOLUME /data
ENTRYPOINT ["sonic"]
CMD ["--help"]
