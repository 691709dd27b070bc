# shellcheck shell=bash disable=SC2154
# Shared by the scripts in this directory: finds or installs what they need.
# Sourced by bash with `set -euo pipefail`; $root is the root of the repository.
#
# Only Debian packages are installed system-wide. The Claude Code CLI goes into a directory of its own.

# The version that is installed if no supported version is found: the one that Eklavya is tested with. The three
# versions agree with src/claude/locate.rs; a test compares them.
claude_pinned=2.1.330
claude_oldest=2.1.300
claude_too_new=3.0.0
# The release of claude-agent-sdk on PyPI that contains the pinned version.
claude_sdk=0.2.187

: "${HOME:=$(getent passwd "$(id -u)" | cut -d : -f 6)}"
export HOME

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$(printf '\033[1m') red=$(printf '\033[31m') plain=$(printf '\033[0m')
else
  bold='' red='' plain=''
fi

# Prints the start of a step. Messages go to stderr, as those of `eklavya` do.
step() { echo "${bold}==> $*${plain}" >&2; }
# Prints a detail of the current step.
info() { echo "    $*" >&2; }
# Prints an error and hints (one per further argument), and exits with code 7: environment, as in `eklavya`.
die() {
  echo "${red}error:${plain} $1" >&2
  shift
  for line in "$@"; do echo "       $line" >&2; done
  exit 7
}

# Succeeds if a command is on PATH.
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Installs Debian packages.
install_packages() {
  if ! have apt-get; then
    die "missing: $*; apt-get, which would install it, is not available" \
      "install it with the package manager of your system, then run this script again"
  fi
  if [ "$(id -u)" -ne 0 ] && ! have sudo; then
    die "missing: $*; only root can install it" "run as root: apt-get install $*" "then run this script again"
  fi
  info "installing $* (apt)"
  as_root apt-get update -qq || info "apt-get update failed; using the existing package lists"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    die "apt could not install: $*" "install it manually, then run this script again"
}

# Installs git, bubblewrap and a C compiler (SQLite is compiled in) if they are missing. Arguments are further packages
# to install, so that apt runs only once.
ensure_system() {
  local missing=("$@")
  have git || missing+=(git)
  have bwrap || missing+=(bubblewrap)
  if ! have cc; then missing+=(build-essential); fi
  [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
  info "git $(git --version | cut -d ' ' -f 3), $(bwrap --version), a C compiler"
}

# Finds cargo, also in its usual directory if PATH lacks that directory (it may be set in a login shell only).
ensure_cargo() {
  if ! have cargo && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    export PATH
  fi
  if ! have cargo; then
    die "no Rust toolchain found" "install one from https://rustup.rs, then run this script again"
  fi
  info "$(cd "$root" && cargo --version)"
}

# Installs a component ($2) of the toolchain if `cargo $1` does not work.
ensure_component() {
  (cd "$root" && cargo "$1" --version) >/dev/null 2>&1 && return
  have rustup || die "cargo $1 is missing" "install the component $2 of your Rust toolchain"
  info "installing $2 (rustup)"
  (cd "$root" && rustup component add "$2") >&2
}

# Prints the directory for downloaded tools. It is below the default data directory, even if EKLAVYA_HOME names another
# one, so that each tool is downloaded only once.
tools_directory() {
  if [ "$(id -u)" -eq 0 ]; then
    echo /var/lib/eklavya/tools
  else
    echo "${XDG_DATA_HOME:-$HOME/.local/share}/eklavya/tools"
  fi
}

# Prints the real path of a file if it is a native Linux program.
native_program() {
  local file
  file=$(readlink -f "$1") || return 1
  [ -x "$file" ] && [ "$(head -c 4 "$file" | tail -c 3 | tr -d '\0')" = ELF ] || return 1
  echo "$file"
}

# Prints the version of a CLI, e.g. 2.1.330. The CLI gets an empty environment, so that it neither reads nor writes any
# state of the user.
claude_version() {
  env -i PATH=/usr/bin:/bin HOME=/nonexistent CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
    "$1" --version </dev/null 2>/dev/null | sed -n '1s/^\([0-9][0-9.]*\).*/\1/p'
}

# Succeeds if a version is in the supported range.
is_supported() {
  local order
  order=$(printf '%s\n' "$claude_oldest" "$1" "$claude_too_new" | sort -V -C && echo yes || echo no)
  [ -n "$1" ] && [ "$order" = yes ] && [ "$1" != "$claude_too_new" ]
}

# Prints the CLI's native program below a directory.
find_claude_below() {
  local file
  while IFS= read -r file; do
    native_program "$file" && return
  done < <(find "$1" -type f \( -name claude -o -name claude.exe \) -size +1M 2>/dev/null)
  return 1
}

# Downloads the pinned CLI from npm into a directory. The package contains the program; none of its scripts is run.
fetch_with_npm() {
  npm install --prefix "$1" --ignore-scripts --no-fund --no-audit --loglevel=error --engine-strict=false \
    "@anthropic-ai/claude-code@$claude_pinned" >/dev/null
}

# Downloads the pinned CLI from PyPI, where claude-agent-sdk contains it, into a directory.
fetch_with_pip() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$1/wheel" \
    "claude-agent-sdk==$claude_sdk" >/dev/null
  python3 -m zipfile -e "$1"/wheel/*.whl "$1/unpacked"
  rm -rf "$1/wheel"
  find "$1/unpacked" -type f -name claude -exec chmod 755 {} +
}

# Downloads the pinned CLI into a directory: with npm if it is installed, otherwise or if that fails with pip.
fetch_claude() {
  if have npm; then
    info "downloading Claude Code $claude_pinned from npm (about 100 MB)"
    if fetch_with_npm "$1" && find_claude_below "$1" >/dev/null; then return; fi
    info "the download from npm failed; trying PyPI"
    rm -rf "${1:?}"/*
  fi
  if ! python3 -m pip --version >/dev/null 2>&1; then install_packages python3 python3-pip; fi
  info "downloading Claude Code $claude_pinned from PyPI (claude-agent-sdk $claude_sdk, about 160 MB)"
  fetch_with_pip "$1"
}

# Installs the pinned CLI if it is not installed yet, and prints the path of the program. The directory appears only when
# it is complete.
install_claude() {
  local directory staging
  directory=$(tools_directory)/claude-code-$claude_pinned
  if find_claude_below "$directory"; then return; fi
  mkdir -p "$(dirname "$directory")"
  staging=$(mktemp -d "$directory.XXXXXX")
  chmod 755 "$staging"
  if ! fetch_claude "$staging" || ! find_claude_below "$staging" >/dev/null; then
    rm -rf "$staging"
    die "the Claude Code CLI could not be downloaded" \
      "install it manually: npm install -g @anthropic-ai/claude-code@$claude_pinned" \
      "or name an installed one: EKLAVYA_CLAUDE_PATH=/path/to/claude $0"
  fi
  rm -rf "$directory"
  mv -T "$staging" "$directory"
  find_claude_below "$directory"
}

# Finds or installs the CLI and exports EKLAVYA_CLAUDE_PATH. If the caller sets EKLAVYA_CLAUDE_PATH, that CLI must be
# usable. Otherwise the first CLI on PATH that is native and in the supported range is used.
ensure_claude() {
  local candidate program version
  if [ -n "${EKLAVYA_CLAUDE_PATH:-}" ]; then
    program=$(native_program "$EKLAVYA_CLAUDE_PATH") || die "EKLAVYA_CLAUDE_PATH=$EKLAVYA_CLAUDE_PATH is not a native program"
    version=$(claude_version "$program") || true
    is_supported "$version" ||
      die "EKLAVYA_CLAUDE_PATH is Claude Code ${version:-of an unknown version}" \
        "required: version $claude_oldest or later, below $claude_too_new"
  else
    program=''
    while IFS= read -r candidate; do
      candidate=$(native_program "$candidate") || continue
      version=$(claude_version "$candidate") || continue
      if is_supported "$version"; then program=$candidate && break; fi
      info "skipping $candidate (Claude Code ${version:-of an unknown version})"
    done < <(type -ap claude || true)
    [ -n "$program" ] || program=$(install_claude)
    version=$(claude_version "$program") || true
  fi
  export EKLAVYA_CLAUDE_PATH="$program"
  info "Claude Code $version at $program"
}

# Prints cargo's target directory.
target_directory() {
  (cd "$root" && cargo metadata --format-version 1 --no-deps --locked) |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
