# What a machine with Docker would build, at the root of the repository:
#   docker build -f testbed/images/dialler.Dockerfile -t clusterproof.dev/dialler:1.0.0 .
# The local cluster does not use this file (see README.md beside it).
FROM python:3.11-slim-bookworm

RUN pip install --no-cache-dir uv
WORKDIR /build
COPY pyproject.toml uv.lock README.md ./
RUN uv export --frozen --no-emit-project --no-default-groups --output-file requirements.txt \
    && uv pip install --system --no-cache --requirements requirements.txt \
    && rm -rf /build

WORKDIR /app
COPY pyproject.toml conftest.py ./
COPY src ./src
COPY suites ./suites
COPY fixtures ./fixtures
COPY spec ./spec
ENV PYTHONPATH=/app/src:/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TZ=UTC HOME=/tmp
USER 65532:65532
ENTRYPOINT ["python3"]
