# The image of sas-endpoint: the program that `make release` builds, without a shell or other programs.
# Needs BuildKit: Docker 25 or newer, or podman. `docker-compose.yml` sets MAC addresses, which Docker supports from 25.
# Build it with `docker compose build` or `docker build -t sas-endpoint .`

FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
# .dockerignore lists the files of the build context.
COPY . .
# The same command as `make release`: tests/program/deployment.rs compares them. The caches stay on the build machine, so
# a second build compiles only what changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --locked --profile dist --bin sas-endpoint \
    && install -D target/dist/sas-endpoint /image/usr/local/bin/sas-endpoint \
    && install -d -o 65532 -g 65532 -m 0700 /image/data

# glibc, certificates, time zones and a user; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="sas-endpoint" \
      org.opencontainers.image.description="A FHIR R4 endpoint that receives the flows of the French SAS" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /image/ /
# Data is in /data; everything else may be read-only.
VOLUME /data
# It listens on every address, and so requires SAS_BASE_URL or SAS_TRUSTED_PROXIES.
ENV SAS_LISTEN=0.0.0.0:8080 \
    SAS_DATABASE_URL=sqlite:///data/sas-endpoint.db \
    SAS_ANNUAIRE_DATABASE_URL=sqlite:///data/annuaire.db \
    SAS_LOG_FORMAT=json
USER 65532:65532
# The operator's listener (8081) is on loopback, where HEALTHCHECK reaches it.
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/sas-endpoint", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/sas-endpoint"]
CMD ["serve"]
