//! What every stack's files have alike.

use mainstay_stack::{Route, Stack};
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) const MAIN: &str = r#"worker_processes auto;
worker_rlimit_nofile 16384;
error_log /dev/stderr warn;
pid /run/nginx.pid;

events {
    worker_connections 4096;
}

http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;

    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65s;
    server_tokens off;
    # A client that sends nothing is not waited for.
    client_header_timeout 10s;
    client_body_timeout 30s;
    send_timeout 30s;
    reset_timedout_connection on;
    large_client_header_buffers 4 16k;

    gzip on;
    gzip_vary on;
    gzip_min_length 1024;
    gzip_types text/css text/plain application/javascript application/json image/svg+xml;

    # A request's id is kept where it is one, and made where it is none.
    map $http_x_request_id $kept_request_id {
        default $request_id;
        "~^[A-Za-z0-9_.:+/=~-]{1,128}$" $http_x_request_id;
    }
    # Only upgrades to WebSocket are passed on.
    map $http_upgrade $kept_upgrade {
        default "";
        "~*^websocket$" $http_upgrade;
    }
    map $kept_upgrade $kept_connection {
        default upgrade;
        "" "";
    }

    # One object a line; the path is without its query, which may hold secrets.
    map $request_uri $logged_path {
        default $uri;
        "~^(?<path_of_request>[^?]*)" $path_of_request;
    }
    log_format mainstay escape=json
        '{"time":"$time_iso8601","requestId":"$kept_request_id","client":"$remote_addr",'
        '"method":"$request_method","protocol":"$server_protocol","host":"$host","path":"$logged_path",'
        '"status":$status,"bytes_in":$request_length,"bytes_out":$bytes_sent,"duration_s":$request_time,'
        '"upstream":"$upstream_addr","upstream_status":"$upstream_status",'
        '"upstream_s":"$upstream_response_time","limited":"$limit_req_status"}';
    access_log /dev/stdout mainstay;

    include conf.d/*.conf;
}
"#;

/// Counted by the access log's `limited` and by the status 429.
pub(super) fn limits(stack: &Stack) -> String {
    let rates = &stack.render.nginx;
    let mut text = format!(
        "# Requests a second; two seconds' worth may come at once. `render.nginx` of mainstay.yaml says how many.\n\
         limit_req_status 429;\nlimit_req_log_level warn;\nlimit_conn_status 429;\n\
         limit_req_zone $binary_remote_addr zone=client:10m rate={}r/s;\n\
         limit_conn_zone $binary_remote_addr zone=connections:10m;\nlimit_conn connections 100;\n",
        rates.client_rate
    );
    let zones: BTreeSet<String> = stack
        .routes
        .iter()
        .map(|route| zone(stack, route))
        .collect();
    for zone in zones {
        let _ = writeln!(
            text,
            "limit_req_zone $server_name zone={zone}:1m rate={}r/s;",
            rates.route_rate
        );
    }
    text
}

/// The zone in which a route's requests are counted.
pub(super) fn zone(stack: &Stack, route: &Route) -> String {
    let at = stack.routes.iter().position(|one| one == route);
    format!("route{}", at.unwrap_or_default() + 1)
}

pub(super) const REDIRECT: &str =
    "# Everything is encrypted but a certificate authority's questions.
server {
    listen 80 default_server;
    listen [::]:80 default_server;
    server_name _;
    include snippets/acme.conf;
    location / {
        # 308 keeps method and body, where 301 makes a GET of a POST.
        return 308 https://$host$request_uri;
    }
}
";

pub(super) const NOBODY: &str = "
# Hosts that no route names: the handshake is refused, and no certificate shown.
server {
    listen 443 ssl http2 default_server;
    listen [::]:443 ssl http2 default_server;
    server_name _;
    include snippets/tls.conf;
    ssl_reject_handshake on;
    # On a connection that another host opened (RFC 9113, section 9.1.2).
    location / {
        return 421;
    }
}
";

pub(super) const STATUS: &str =
    "# For nginx-prometheus-exporter: `--nginx.scrape-uri=http://nginx:8081/stub_status`.
server {
    listen 8081;
    server_name _;
    access_log off;
    location = /stub_status {
        include snippets/private.conf;
        stub_status;
    }
    location / {
        return 404;
    }
}
";

pub(super) const ACME: &str =
    "# Where certbot and its like put what a certificate authority asks for:
# certbot certonly --webroot -w /var/www/acme -d HOST --deploy-hook 'nginx -s reload'
location ^~ /.well-known/acme-challenge/ {
    root /var/www/acme;
    default_type text/plain;
}
";

pub(super) const PRIVATE: &str = "# This machine and private networks (RFC 1918, RFC 4193).
allow 127.0.0.0/8;
allow 10.0.0.0/8;
allow 172.16.0.0/12;
allow 192.168.0.0/16;
allow ::1;
allow fc00::/7;
deny all;
";

pub(super) const PROXY: &str = r#"proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Host $host;
proxy_set_header X-Request-ID $kept_request_id;
proxy_set_header Upgrade $kept_upgrade;
# Empty: the connection to the instance is kept.
proxy_set_header Connection $kept_connection;
# What a client says of a proxy of its own goes no further (CVE-2016-5385).
proxy_set_header Proxy "";
proxy_connect_timeout 5s;
# Another instance is tried where one cannot be reached; a request that changes something is not sent twice.
proxy_next_upstream error timeout;
proxy_next_upstream_tries 3;
proxy_next_upstream_timeout 10s;
proxy_redirect off;
# Said once, by this server.
proxy_hide_header X-Request-ID;
proxy_hide_header Strict-Transport-Security;
proxy_hide_header X-Content-Type-Options;
"#;

pub(super) const SECURITY: &str =
    "add_header Strict-Transport-Security \"max-age=31536000\" always;
add_header X-Content-Type-Options nosniff always;
add_header X-Frame-Options SAMEORIGIN always;
add_header Referrer-Policy strict-origin-when-cross-origin always;
add_header X-Request-ID $kept_request_id always;
";

/// Mozilla's intermediate profile: <https://wiki.mozilla.org/Security/Server_Side_TLS>.
pub(super) const TLS: &str = "ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
ssl_prefer_server_ciphers off;
ssl_session_timeout 1d;
ssl_session_cache shared:tls:10m;
# Tickets would need a key that is changed.
ssl_session_tickets off;
";
