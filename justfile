# What is done often. `just` lists it.

_list:
    @just --list --unsorted

# Build the binary
build:
    cargo build --release

# Run everything that a change must pass
test:
    scripts/test

# Format and lint
lint:
    cargo fmt
    cargo clippy --all-targets -- -D warnings

# Check licences, advisories and duplicates of dependencies
deny:
    cargo deny check

# Make completions and manual anew
generate:
    cargo build
    mkdir -p completions man
    rm -f man/*.1
    target="${CARGO_TARGET_DIR:-target}/debug/eklavya"; \
        "$target" completions bash > completions/eklavya.bash; \
        "$target" completions zsh > completions/_eklavya; \
        "$target" completions fish > completions/eklavya.fish; \
        "$target" man --directory man

# Accept the snapshots that the tests have written anew
review:
    cargo insta review

# Measure against the yardsticks
bench *arguments:
    scripts/bench {{arguments}}

# From a brief to a delivered repository, with a rehearsal as the model
demo:
    scripts/quickstart
