// The Prometheus operator, for the definitions of its resources; nothing of it is built.
module hybrid-exporter/tests/ground/tools/prometheus-operator

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
