# shellcheck shell=bash disable=SC2154
# What scripts/quickstart and scripts/test have in common: finding or installing what they need.
# Sourced by bash with `set -euo pipefail`; $root is the root of the repository.
#
# Nothing here is global but Debian's own packages: the Claude Code CLI goes into a directory of its own.

# The version that is installed where there is none: the one that the product is tested with. The three agree with
# src/claude/locate.rs; a test compares them.
claude_pinned=2.1.330
claude_oldest=2.1.300
claude_too_new=3.0.0
# The release of PyPI's claude-agent-sdk that carries the pinned version.
claude_sdk=0.2.187

: "${HOME:=$(getent passwd "$(id -u)" | cut -d : -f 6)}"
export HOME

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else
  bold='' red='' plain=''
fi

# Says which step begins. Messages go to stderr, as those of `eklavya` do.
step() { echo "${bold}==> $*${plain}" >&2; }
# Says something about the step.
say() { echo "    $*" >&2; }
# Ends with a message, further lines say what to do, and an exit code of `eklavya`'s (7: the environment).
die() {
  echo "${red}error:${plain} $1" >&2
  shift
  for line in "$@"; do echo "       $line" >&2; done
  exit 7
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs Debian packages.
install_packages() {
  if ! have apt-get; then
    die "missing: $*, and there is no apt-get to install it" \
      "install it by your system's own means, then start this script again"
  fi
  if [ "$(id -u)" -ne 0 ] && ! have sudo; then
    die "missing: $*, and only root can install it" "run as root: apt-get install $*" "then start this script again"
  fi
  say "installing $* (apt)"
  as_root apt-get update -qq || say "apt-get update failed; trying with the package lists that are there"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    die "apt could not install: $*" "install it by hand, then start this script again"
}

# Makes sure of git, bubblewrap and a C compiler (SQLite is compiled in). Arguments are further packages that the caller
# found missing, so that there is one call of apt.
ensure_system() {
  local missing=("$@")
  have git || missing+=(git)
  have bwrap || missing+=(bubblewrap)
  if ! have cc; then missing+=(build-essential); fi
  [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
  say "git $(git --version | cut -d ' ' -f 3), $(bwrap --version), a C compiler"
}

# Makes sure of cargo, also where a login shell would have found it and this one does not.
ensure_cargo() {
  if ! have cargo && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export PATH
  fi
  if ! have cargo; then
    die "there is no Rust toolchain" "install one from https://rustup.rs, then start this script again"
  fi
  say "$(cd "$root" && cargo --version)"
}

# Makes sure of a component of the toolchain that answers to `cargo NAME`.
ensure_component() {
  (cd "$root" && cargo "$1" --version) >/dev/null 2>&1 && return
  have rustup || die "cargo $1 is missing" "install the component $2 of your Rust toolchain"
  say "installing $2 (rustup)"
  (cd "$root" && rustup component add "$2") >&2
}

# The directory below which tools of the product's own are kept: the usual data directory, also where
# EKLAVYA_HOME names another, so that they are fetched once.
tools_directory() {
  if [ "$(id -u)" -eq 0 ]; then
    echo /var/lib/eklavya/tools
  else
    echo "${XDG_DATA_HOME:-$HOME/.local/share}/eklavya/tools"
  fi
}

# Prints the real file behind a path, if it is a native Linux program.
native() {
  local file
  file=$(readlink -f "$1") || return 1
  [ -x "$file" ] && [ "$(head -c 4 "$file" | tail -c 3 | tr -d '\0')" = ELF ] || return 1
  echo "$file"
}

# Prints the version of a CLI, e.g. 2.1.330. It gets no environment: asking must neither read nor leave anything.
claude_version() {
  env -i PATH=/usr/bin:/bin HOME=/nonexistent CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
    "$1" --version </dev/null 2>/dev/null | sed -n '1s/^\([0-9][0-9.]*\).*/\1/p'
}

# Whether a version is in the supported range.
is_supported() {
  local order
  order=$(printf '%s\n' "$claude_oldest" "$1" "$claude_too_new" | sort -V -C && echo yes || echo no)
  [ -n "$1" ] && [ "$order" = yes ] && [ "$1" != "$claude_too_new" ]
}

# Prints the native program below a directory that is the CLI.
cli_below() {
  local file
  while IFS= read -r file; do
    native "$file" && return
  done < <(find "$1" -type f \( -name claude -o -name claude.exe \) -size +1M 2>/dev/null)
  return 1
}

# Fetches the pinned CLI from npm into a directory. No script of the package is run: the program is in it.
fetch_with_npm() {
  npm install --prefix "$1" --ignore-scripts --no-fund --no-audit --loglevel=error --engine-strict=false \
    "@anthropic-ai/claude-code@$claude_pinned" >/dev/null
}

# Fetches it from PyPI, where it is part of claude-agent-sdk.
fetch_with_pip() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$1/wheel" \
    "claude-agent-sdk==$claude_sdk" >/dev/null
  python3 -m zipfile -e "$1"/wheel/*.whl "$1/unpacked"
  rm -rf "$1/wheel"
  find "$1/unpacked" -type f -name claude -exec chmod 755 {} +
}

# Fetches the CLI by what is there. Prints nothing; fails where nothing came of it.
fetch_claude() {
  if have npm; then
    say "fetching Claude Code $claude_pinned from npm (about 100 MB)"
    if fetch_with_npm "$1" && cli_below "$1" >/dev/null; then return; fi
    say "npm did not bring it; trying PyPI"
    rm -rf "${1:?}"/*
  fi
  if ! python3 -m pip --version >/dev/null 2>&1; then install_packages python3 python3-pip; fi
  say "fetching Claude Code $claude_pinned from PyPI (claude-agent-sdk $claude_sdk, about 160 MB)"
  fetch_with_pip "$1"
}

# Installs the pinned CLI, unless that was done; it is there whole or not at all. Prints the program.
install_claude() {
  local directory place
  directory=$(tools_directory)/claude-code-$claude_pinned
  if cli_below "$directory"; then return; fi
  mkdir -p "$(dirname "$directory")"
  place=$(mktemp -d "$directory.XXXXXX")
  chmod 755 "$place"
  if ! fetch_claude "$place" || ! cli_below "$place" >/dev/null; then
    rm -rf "$place"
    die "the Claude Code CLI could not be fetched" \
      "install it by hand: npm install -g @anthropic-ai/claude-code@$claude_pinned" \
      "or name an installed one: EKLAVYA_CLAUDE_PATH=/path/to/claude $0"
  fi
  rm -rf "$directory"
  mv -T "$place" "$directory"
  cli_below "$directory"
}

# Finds or installs the CLI and exports EKLAVYA_CLAUDE_PATH. One that the caller names is taken at its word; one on
# PATH is used as it is, if it is native and in the supported range.
ensure_claude() {
  local candidate program version
  if [ -n "${EKLAVYA_CLAUDE_PATH:-}" ]; then
    program=$(native "$EKLAVYA_CLAUDE_PATH") || die "EKLAVYA_CLAUDE_PATH=$EKLAVYA_CLAUDE_PATH is not a native program"
    version=$(claude_version "$program") || true
    is_supported "$version" ||
      die "EKLAVYA_CLAUDE_PATH is Claude Code ${version:-of an unknown version}" \
        "needed is $claude_oldest or newer, below $claude_too_new"
  else
    program=''
    while IFS= read -r candidate; do
      candidate=$(native "$candidate") || continue
      version=$(claude_version "$candidate") || continue
      if is_supported "$version"; then program=$candidate && break; fi
      say "passing over $candidate (Claude Code ${version:-of an unknown version})"
    done < <(type -ap claude || true)
    [ -n "$program" ] || program=$(install_claude)
    version=$(claude_version "$program") || true
  fi
  export EKLAVYA_CLAUDE_PATH="$program"
  say "Claude Code $version at $program"
}

# Prints the directory that cargo builds into.
target_directory() {
  (cd "$root" && cargo metadata --format-version 1 --no-deps --locked) |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
