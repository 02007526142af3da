# syntax=docker/dockerfile:1

# One static program in an otherwise empty image: no shell, no package manager, no other user. What it is built of is
# said by `tests/run sbom`, whose CycloneDX file is to be published (or attested) beside the image: scanners that look
# into it find one program without a package database.
#
#   docker build -t wolkvox_exporter --build-arg REVISION=$(git rev-parse --short=12 HEAD) .
#   docker run -p 10465:10465 -v wolkvox:/data -e WOLKVOX_SERVER=0010 -e WOLKVOX_TOKEN -e WOLKVOX_TIMEZONE=America/Bogota wolkvox_exporter

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
ARG REVISION=""
# The C library is linked in (its resolver for files and DNS too), so the program needs no loader.
# A target named explicitly keeps the flag away from build scripts and macros, which must stay dynamic.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    target="$(rustc --print host-tuple)" \
    && WOLKVOX_REVISION="$REVISION" RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --locked --release --bin wolkvox_exporter --target "$target" \
    && mkdir -p /image/etc/ssl/certs /owned/data /owned/tmp \
    && cp "target/$target/release/wolkvox_exporter" /image/wolkvox_exporter \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && printf 'wolkvox:x:65532:65532::/data:/\n' > /image/etc/passwd \
    && printf 'wolkvox:x:65532:\n' > /image/etc/group \
    && chmod 700 /owned/data /owned/tmp

FROM scratch
COPY --from=build /image /
COPY --from=build --chown=65532:65532 /owned /

# The defaults of the command line count from here: the ledger is /data, a configuration, if there is
# one, is mounted as /wolkvox.yml. Without a volume the counters start anew with every container.
WORKDIR /
VOLUME /data
USER 65532:65532
EXPOSE 10465
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/wolkvox_exporter", "check", "--healthy"]
ENTRYPOINT ["/wolkvox_exporter"]
CMD ["serve"]

ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="wolkvox_exporter" \
      org.opencontainers.image.description="Prometheus exporter for the Wolkvox Reports Manager API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/wolkvox-exporter/wolkvox_exporter" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
