# The image of Spotlight: built from the sources with the pinned toolchain, and run by a user that owns nothing but its
# data folder. The embedded ClickHouse is not in it, as it comes by npm: an image works with a ClickHouse of its own.
#
#   docker build --build-arg SPOTLIGHT_COMMIT="$(git rev-parse HEAD)" --tag spotlight:0.1.0 .

FROM rust:1.95.0-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libssl-dev make pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
# Without it the toolchain's file would ask for the components that only development needs.
ENV RUSTUP_TOOLCHAIN=1.95.0
# Empty from a checkout without history: `--version` then says `unknown`.
ARG SPOTLIGHT_COMMIT
RUN SPOTLIGHT_COMMIT="$SPOTLIGHT_COMMIT" cargo build --locked --release --package cli --bin spotlight \
 && strip --strip-debug target/release/spotlight

FROM debian:12.12-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 spotlight \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/spotlight --no-create-home spotlight \
 && install --directory --owner=spotlight --group=spotlight /var/lib/spotlight \
    /usr/share/spotlight/incoming/nyse-short-volume
COPY --from=build /build/target/release/spotlight /usr/local/bin/spotlight
COPY topologies /usr/share/spotlight/topologies
COPY schemas /usr/share/spotlight/schemas
COPY LICENSE /usr/share/doc/spotlight/LICENSE
USER 10001:10001
WORKDIR /var/lib/spotlight
EXPOSE 9484
STOPSIGNAL SIGTERM
# That the process turns; a service that is away does not make it unhealthy, as a new start would not mend that.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9484 && printf 'GET /live HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["/usr/local/bin/spotlight"]
CMD ["--help"]
