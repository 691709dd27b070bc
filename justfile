# Frequent tasks. `just` lists them.

_list:
    @just --list --unsorted

# Build the binary
build:
    cargo build --release

# Run everything that a change must pass
test:
    scripts/test

# Format and lint the workspace
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Check licences, advisories and duplicates of dependencies
deny:
    cargo deny --workspace check

# Regenerate completions/ and man/
generate:
    cargo build
    mkdir -p completions man
    rm -f man/*.1
    target="${CARGO_TARGET_DIR:-target}/debug/eklavya"; \
        "$target" completions bash > completions/eklavya.bash; \
        "$target" completions zsh > completions/_eklavya; \
        "$target" completions fish > completions/eklavya.fish; \
        "$target" man --directory man

# Review the snapshots that the tests changed
review:
    cargo insta review --workspace

# Run the benchmarks
bench *arguments:
    scripts/bench {{arguments}}

# Take the example brief to a delivered repository, with a rehearsal instead of the model
demo:
    scripts/quickstart
