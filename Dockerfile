# TasNet Lens on a CPU: docker build -t tasnet-lens . && docker run --rm -p 8501:8501 tasnet-lens
FROM python:3.11-slim
# The distribution's own versions: they have none that stays to be had.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg g++ libcairo2 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/tasnet-lens
COPY requirements.txt constraints.txt ./
# The CPU build of torch where pip knows an index that has it (PIP_EXTRA_INDEX_URL), else the one that comes by default.
ARG PIP_EXTRA_INDEX_URL
RUN (pip install --no-cache-dir "$(grep '^torch==' requirements.txt)+cpu" || true) \
    && pip install --no-cache-dir -c constraints.txt -r requirements.txt
COPY . .
RUN useradd --create-home --uid 1000 listener && mkdir /data && chown listener /data
USER 1000
ENV TASNET_LENS_ROOT=/data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["streamlit", "run", "app.py"]
# Listens where it is told: other options take the place of these.
CMD ["--server.address", "0.0.0.0", "--browser.serverAddress", "localhost", "--server.port", "8501"]
