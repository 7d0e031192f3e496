# One image for every container of docker-compose.yml; what it runs is its argument (cli/container.py).
FROM python:3.13-slim

ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY requirements/runtime.txt requirements/
RUN pip install --no-cache-dir --no-compile --require-hashes --only-binary :all: -r requirements/runtime.txt \
 && python -m compileall -q /usr/local/lib/python3.13/site-packages > /dev/null || true

COPY . .
# Empty volumes take the owner of the folder they are mounted on.
RUN python -m compileall -q /app \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin darkroom \
 && install -d -o darkroom -g darkroom -m 0700 /data /secrets /broker /redis

USER 10001:10001
ENV DARKROOM_BIND=0.0.0.0:8000 DARKROOM_FLOWER_BIND=0.0.0.0:5555 \
    DARKROOM_DATA_DIR=/data DARKROOM_SECRET_KEY_FILE=/secrets/secret.key
EXPOSE 8000
ENTRYPOINT ["python", "-P", "-m", "cli.container"]
CMD ["web"]
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["python", "-P", "-m", "cli.container", "health", "web"]
