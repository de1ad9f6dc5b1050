"""The nginx configuration of a routing. Pure: routing in, text out.

Source: nginx documentation, ngx_http_core, _proxy, _upstream and _ssl modules (1.22).

Retries are for safe cases only: the next Pod is tried when a connection fails, and a request that
was already sent is repeated only if its method is idempotent (nginx's own rule, kept by not adding
`non_idempotent`). Connections to Pods are not kept, so none can be closed under a request.
"""

from collections.abc import Mapping
from pathlib import Path

from testbed.controllers.routes import Location, ObjectKey, Routing, Server

HEAD = """\
daemon off;
user www-data;
worker_processes 2;
worker_shutdown_timeout 30s;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{
    worker_connections 4096;
}}
http {{
    access_log off;
    server_tokens off;
    server_names_hash_bucket_size 256;
    client_body_temp_path {directory}/temp/body;
    proxy_temp_path {directory}/temp/proxy;
    fastcgi_temp_path {directory}/temp/fastcgi;
    uwsgi_temp_path {directory}/temp/uwsgi;
    scgi_temp_path {directory}/temp/scgi;
    client_max_body_size 8m;
    keepalive_timeout 75s;
    keepalive_requests 100000;

    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:4m;

    map $http_upgrade $connection_header {{
        default upgrade;
        "" close;
    }}
    map $http_x_request_id $forwarded_request_id {{
        default $http_x_request_id;
        "" $request_id;
    }}
    proxy_http_version 1.1;
    proxy_connect_timeout 2s;
    proxy_read_timeout 60s;
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries 3;
    proxy_next_upstream_timeout 10s;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_header;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Request-ID $forwarded_request_id;

    # Asked by the controller, to see that the workers of this configuration answer.
    server {{
        listen unix:{directory}/status.sock;
        location = /configuration {{
            return 200 "{digest}";
        }}
        location = /connections {{
            stub_status;
        }}
    }}
"""
NOT_FOUND = 'return 404 "no Ingress has this host and path\\n";'
NO_ENDPOINT = 'return 503 "no ready endpoint\\n";'


def configuration(
    routing: Routing, certificates: Mapping[ObjectKey, Path], directory: Path, digest: str = ""
) -> str:
    """The whole configuration.

    Args:
        routing: What to serve.
        certificates: Where each usable TLS Secret is: `PATH.crt` and `PATH.key`.
        directory: nginx's own, for its socket and temporary files.
        digest: What the controller is told when it asks which configuration is live.
    """
    parts = [HEAD.format(directory=directory, digest=digest)]
    parts += [
        _upstream(name, endpoints) for name, endpoints in routing.upstreams.items() if endpoints
    ]
    parts += [_server(server, certificates, routing) for server in routing.servers]
    return "".join([*parts, "}\n"])


def _upstream(name: str, endpoints: tuple[str, ...]) -> str:
    lines = [f"        server {endpoint} max_fails=1 fail_timeout=1s;\n" for endpoint in endpoints]
    return "".join([f"    upstream {name} {{\n        zone {name} 64k;\n", *lines, "    }\n"])


def _server(server: Server, certificates: Mapping[ObjectKey, Path], routing: Routing) -> str:
    default = "" if server.host else " default_server"
    path = certificates.get(server.secret) if server.secret else None
    lines = [f"listen 80{default};", f"server_name {_server_name(server.host)};"]
    if path:
        lines += [
            f"listen 443 ssl http2{default};",
            f"ssl_certificate {path}.crt;",
            f"ssl_certificate_key {path}.key;",
        ]
    elif default:
        lines += ["listen 443 ssl default_server;", "ssl_reject_handshake on;"]
    if path and server.redirects:
        lines.append("if ($scheme = http) { return 308 https://$host$request_uri; }")
    exact = {location.path for location in server.locations if location.exact}
    for location in server.locations:
        lines += _location(location, routing, exact)
    if not any(location.path == "/" and not location.exact for location in server.locations):
        lines.append(f"location / {{ {NOT_FOUND} }}")
    return "".join(["    server {\n", *(f"        {line}\n" for line in lines), "    }\n"])


def _server_name(host: str) -> str:
    if host.startswith("*."):
        # In Kubernetes a wildcard stands for one label, in nginx for any number.
        rest = host[2:].replace(".", r"\.")
        return f'"~^[^.]+\\.{rest}$"'
    return host or "_"


def _location(location: Location, routing: Routing, exact: set[str]) -> list[str]:
    served = routing.upstreams.get(location.upstream)
    action = f"proxy_pass http://{location.upstream};" if served else NO_ENDPOINT
    if location.exact:
        return [f"location = {location.path} {{ {action} }}"]
    if location.path == "/":
        return [f"location / {{ {action} }}"]
    below = f"location {location.path}/ {{ {action} }}"
    if location.path in exact:
        return [below]
    return [f"location = {location.path} {{ {action} }}", below]
