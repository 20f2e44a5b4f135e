# `just` lists what there is; CI calls tests/run and nothing else.
default:
    @just --list

# Format, lints and the build.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Everything, with the real peers where they can be had.
test:
    tests/run

# The binary without shared libraries, in target/<triple>/release.
static triple=`rustc -vV | sed -n 's/^host: //p'`:
    RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target {{triple}}

# Writes goldens, inline expectations, METRICS.md and the budget anew; read the diff.
bless:
    UPDATE_EXPECT=1 cargo test --workspace --no-fail-fast

# CPU and memory beside node_exporter, in one run.
bench:
    tests/bench

# What a thousand of systemd's units cost the exporter, systemd and the bus, on a host of its own.
bench-systemd:
    tests/benches/systemd.py

# What ten and a hundred thousand pods cost beside kube-state-metrics, on a real API server.
bench-kube *args:
    tests/benches/kube.py {{args}}

# How long real faults take until somebody is told, with the rules and timings of alerts/, after a quiet time: an hour.
bench-alerts *args:
    tests/benches/alerts.py {{args}}

# Each fuzz target for ten minutes (needs cargo-fuzz and a nightly compiler).
fuzz seconds="600":
    cd tests/fuzz && for target in $(cargo fuzz list); do cargo +nightly fuzz run "$target" -- -max_total_time={{seconds}} || exit 1; done

# Only what runs beside real peers.
e2e:
    tests/ground/peers
    HYBRID_STATIC_BINARY=$(tests/ground/static) cargo test --locked --test tests -- parity accepted stuck alerts cluster daemonset journey leftovers

# A shell in a real host or node (host, node, prometheus, cluster); all of it ends with the shell.
up part="node":
    tests/ground/up {{part}}
