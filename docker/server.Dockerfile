# The image of a worker: eklavya and the programs that its agents use. Build it in the root of the repository:
#   docker build --file docker/server.Dockerfile --tag eklavya/server:0.1.0 .
# Agents can use the programs that are installed here. For projects that need other programs, derive an image from it:
#   FROM eklavya/server:0.1.0
#   USER root
#   RUN apt-get update && apt-get install -y --no-install-recommends nodejs npm
#   USER eklavya

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin eklavya

# The version that scripts/lib.sh installs. The package contains the program; none of its scripts is run.
FROM node:22-bookworm-slim AS claude
ARG CLAUDE_VERSION=2.1.330
RUN npm install --prefix /opt/claude --ignore-scripts --no-fund --no-audit "@anthropic-ai/claude-code@${CLAUDE_VERSION}" \
    && program=$(find /opt/claude -type f \( -name claude -o -name claude.exe \) -size +1M | head -n 1) \
    && install -m 755 "$program" /usr/local/bin/claude

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap ca-certificates git \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/eklavya --shell /usr/sbin/nologin eklavya \
    && install -d -o eklavya -g eklavya -m 700 /var/lib/eklavya
COPY --from=build /src/target/release/eklavya /usr/local/bin/eklavya
COPY --from=claude /usr/local/bin/claude /usr/local/bin/claude
ENV EKLAVYA_HOME=/var/lib/eklavya
USER eklavya
RUN eklavya --version && HOME=/nonexistent claude --version
CMD ["eklavya", "worker"]
