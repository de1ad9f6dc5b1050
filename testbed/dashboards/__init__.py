"""The dashboards of deploy/grafana: asked of a real Prometheus, drawn by Grafana's own components.

A Grafana server is not to be had from the package registries; the components with which it draws
its panels are (npm, @grafana/ui).
"""
