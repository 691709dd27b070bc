# The images that agents run in if the isolation is Docker. `eklavya image build` builds both images of this file. The file is
# embedded in the program, so that the images always match the program. The base image must have a shell, a glibc that is at
# least as new as the one that eklavya was built with, and either git and certificates or apt-get to install them:
#   eklavya image build --base node:22-bookworm

ARG BASE_IMAGE=debian:bookworm-slim

# For roles with a terminal, test commands, checks and previews.
FROM ${BASE_IMAGE} AS shell
USER root
RUN if ! command -v git >/dev/null || [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then \
        apt-get update \
        && apt-get install -y --no-install-recommends ca-certificates git \
        && rm -rf /var/lib/apt/lists/*; \
    fi
ARG EKLAVYA_VERSION
ARG DOCKERFILE_DIGEST
LABEL eklavya.image=shell eklavya.version=${EKLAVYA_VERSION} eklavya.dockerfile=${DOCKERFILE_DIGEST}

# git, and the libraries that git, eklavya and the Claude Code CLI link to.
FROM shell AS parts
RUN set -eu; \
    mkdir -p /bare/etc /bare/tmp /bare/run /bare/proc /bare/dev /bare/sys; \
    git=$(command -v git); \
    loader=$(ldd "$git" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p'); \
    libc=$(dirname "$(ldd "$git" | sed -n 's/.*libc\.so\.6 => \([^ ]*\) .*/\1/p')"); \
    { ldd "$git" | sed -n 's/.* => \([^ ]*\) .*/\1/p'; \
      for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libgcc_s.so.1; do \
          [ ! -e "$libc/$name" ] || echo "$libc/$name"; \
      done; echo "$loader"; } | sort -u | while IFS= read -r library; do \
        mkdir -p "/bare$(dirname "$library")"; cp -L "$library" "/bare$library"; \
    done; \
    mkdir -p /bare/usr/bin; cp -L "$git" /bare/usr/bin/git; \
    : >/bare/etc/passwd; : >/bare/etc/group

# For roles without a terminal: git is the only program, and there is no shell.
FROM scratch AS bare
ARG EKLAVYA_VERSION
ARG DOCKERFILE_DIGEST
COPY --from=parts /bare/ /
LABEL eklavya.image=bare eklavya.version=${EKLAVYA_VERSION} eklavya.dockerfile=${DOCKERFILE_DIGEST}
