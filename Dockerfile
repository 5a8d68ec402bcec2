# One image for all roles; the command selects the role (`sae api`, `sae worker`, `sae migrate`).
# PyTorch's wheels contain CUDA, so a GPU needs no other image, only the driver and the container toolkit.
#   docker build --build-arg TORCH_INDEX=URL .     installs torch from that index instead (a much smaller image without CUDA)
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /app
COPY pyproject.toml requirements.lock ./

# Runtime dependencies at the locked versions, without test dependencies; before the sources, so that this layer is cached.
ARG TORCH_INDEX=
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /tmp/run.txt \
    && if [ -n "$TORCH_INDEX" ]; then \
           pip install --no-deps --index-url "$TORCH_INDEX" $(grep -E '^(torch|torchvision)==' requirements.lock); \
       fi \
    && pip install --constraint requirements.lock --requirement /tmp/run.txt $(grep -E '^setuptools==' requirements.lock) \
    && rm /tmp/run.txt

COPY README.md ./
COPY alembic alembic
COPY sparse_coding sparse_coding
COPY registry registry
COPY service service
COPY worker worker
COPY client client
RUN pip install --no-deps --no-build-isolation .

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin sae \
    && install --directory --owner sae --group sae /data
USER sae
WORKDIR /home/sae
VOLUME /data

# Listen on all addresses of the container; this requires SAE_API_KEY.
ENV SAE_DATA_DIR=/data \
    SAE_HOST=0.0.0.0 \
    SAE_PORT=8000
EXPOSE 8000

# Check the API of this container. A worker has no port, so its container disables this check.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"SAE_PORT\"]}/readyz', timeout=4)"]

ENTRYPOINT []
CMD ["sae", "api"]
