# What developers run. scripts/up and scripts/test also set up what is missing on the machine.

set shell := ["bash", "-euo", "pipefail", "-c"]

[private]
default:
    @just --list

# Everything that CI checks: format, lints and all tests, then what no test looks at.
check: test docs deny unused shell

# Format, lints and every test; with arguments, only the tests they select (`just test -p domain`).
test *args:
    scripts/test {{ args }}

# Start everything on this machine; Ctrl-C stops it.
up *args:
    scripts/up {{ args }}

# Play a real flow through all processes and show what arrived.
demo *args:
    scripts/up --demo {{ args }}

# Measure the engine beside BullMQ's own clients and write docs/performance.md; `--quick` only tries it.
bench *args:
    scripts/bench {{ args }}

# Break everything under load and see that no event is lost or doubled; `just chaos figures` measures.
chaos *args:
    scripts/chaos {{ args }}

# Format the code.
fmt:
    cargo fmt --all

# Lint with warnings denied.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Build the documentation with warnings denied.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Check licences, advisories, duplicates and who may depend on what (cargo install --locked cargo-deny).
deny:
    cargo deny check

# Find dependencies that nothing uses (cargo install --locked cargo-machete).
unused:
    cargo machete

# Lint the shell scripts.
shell:
    shellcheck -x scripts/up scripts/test scripts/bench scripts/chaos scripts/valkey-image .ci/run scripts/lib/*.sh

# Look at the snapshots that changed, one by one (cargo install --locked cargo-insta).
review:
    cargo insta review

# Build the image that the deployments use.
image:
    docker build -f deploy/Dockerfile -t bellwether .
