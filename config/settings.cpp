#include "config/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>

namespace tiketi::config {

namespace {

constexpr std::int64_t day = 86'400;
using s = settings;

const std::array rows{
    row{.name = "demo.enabled",
        .target = &s::demo_enabled,
        .fallback = "false",
        .sentence = "Fill an empty catalog with demo events, create the demo accounts, and make "
                    "missing secrets once in the data directory. Not for a server others can reach",
        .alias = "--demo"},

    row{.name = "data.directory",
        .target = &s::data_directory,
        .fallback = "data",
        .sentence = "Folder of the database files. Created when absent; one process at a time",
        .alias = "--data"},
    row{.name = "data.durability",
        .target = &s::data_durability,
        .fallback = "full",
        .allowed = "full|normal",
        .sentence = "What an acknowledged write survives: `full` a power loss (the log is flushed "
                    "to the disk at each group commit), `normal` only a crash of the process"},

    row{.name = "database.kind",
        .target = &s::database_kind,
        .fallback = "sqlite",
        .allowed = "sqlite|postgresql",
        .sentence = "Where the roles keep what they own: in files of data.directory, or in one "
                    "database each of a PostgreSQL server. `tiketi migrate --create` makes those"},
    row{.name = "database.host",
        .target = &s::database_host,
        .fallback = "127.0.0.1",
        .sentence = "PostgreSQL: name or address of the server"},
    row{.name = "database.port",
        .target = &s::database_port,
        .fallback = "5432",
        .min = 1,
        .max = 65535,
        .sentence = "PostgreSQL: TCP port of the server"},
    row{.name = "database.tls",
        .target = &s::database_tls,
        .fallback = "prefer",
        .allowed = "disable|prefer|require|verify-ca|verify-full",
        .sentence = "PostgreSQL: encryption of the connections (libpq's sslmode); `verify-full` "
                    "where the network is not trusted"},
    row{.name = "database.name_prefix",
        .target = &s::database_name_prefix,
        .fallback = "tiketi_",
        .sentence = "PostgreSQL: the ticket role's database is called `<prefix>ticket`, and so on. "
                    "Lower-case letters, digits and `_`"},
    row{.name = "database.user_prefix",
        .target = &s::database_user_prefix,
        .fallback = "tiketi_",
        .sentence = "PostgreSQL: the ticket role logs in as `<prefix>ticket`, and so on. "
                    "Lower-case letters, digits and `_`"},
    row{.name = "database.connect_timeout_ms",
        .target = &s::database_connect_timeout,
        .fallback = "5000",
        .min = 2000,
        .max = 60'000,
        .unit = "ms",
        .sentence = "PostgreSQL: time to connect, in whole seconds (rounded up)"},
    row{.name = "database.statement_timeout_ms",
        .target = &s::database_statement_timeout,
        .fallback = "10000",
        .min = 100,
        .max = 600'000,
        .unit = "ms",
        .sentence = "PostgreSQL: a statement that takes longer is cancelled, and what it belongs "
                    "to is undone"},
    row{.name = "database.lock_timeout_ms",
        .target = &s::database_lock_timeout,
        .fallback = "3000",
        .min = 50,
        .max = 600'000,
        .unit = "ms",
        .sentence = "PostgreSQL: the same for a statement that waits for another's lock"},
    row{.name = "database.network_timeout_ms",
        .target = &s::database_network_timeout,
        .fallback = "15000",
        .min = 1000,
        .max = 600'000,
        .unit = "ms",
        .sentence = "PostgreSQL: a connection whose other end no longer answers the network is "
                    "given up after about this long"},
    row{.name = "database.password",
        .target = &s::database_password,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of every role that has none of its own below",
        .secret = "TIKETI_DATABASE_PASSWORD"},
    row{.name = "database.password_auth",
        .target = &s::database_password_auth,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the auth role",
        .secret = "TIKETI_DATABASE_PASSWORD_AUTH"},
    row{.name = "database.password_catalog",
        .target = &s::database_password_catalog,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the catalog role",
        .secret = "TIKETI_DATABASE_PASSWORD_CATALOG"},
    row{.name = "database.password_ticket",
        .target = &s::database_password_ticket,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the ticket role",
        .secret = "TIKETI_DATABASE_PASSWORD_TICKET"},
    row{.name = "database.password_queue",
        .target = &s::database_password_queue,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the queue role",
        .secret = "TIKETI_DATABASE_PASSWORD_QUEUE"},
    row{.name = "database.password_payment",
        .target = &s::database_password_payment,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the payment role",
        .secret = "TIKETI_DATABASE_PASSWORD_PAYMENT"},
    row{.name = "database.password_community",
        .target = &s::database_password_community,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the community role",
        .secret = "TIKETI_DATABASE_PASSWORD_COMMUNITY"},
    row{.name = "database.password_stats",
        .target = &s::database_password_stats,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the stats role",
        .secret = "TIKETI_DATABASE_PASSWORD_STATS"},
    row{.name = "database.password_webhook",
        .target = &s::database_password_webhook,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the webhook role",
        .secret = "TIKETI_DATABASE_PASSWORD_WEBHOOK"},
    row{.name = "database.password_gateway",
        .target = &s::database_password_gateway,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the gateway role",
        .secret = "TIKETI_DATABASE_PASSWORD_GATEWAY"},
    row{.name = "database.password_cluster",
        .target = &s::database_password_cluster,
        .fallback = "",
        .min = 8,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of the database that says who is in the cluster",
        .secret = "TIKETI_DATABASE_PASSWORD_CLUSTER"},
    row{.name = "database.admin_user",
        .target = &s::database_admin_user,
        .fallback = "postgres",
        .sentence = "PostgreSQL: who `tiketi migrate --create` logs in as; may create databases "
                    "and users"},
    row{.name = "database.admin_database",
        .target = &s::database_admin_database,
        .fallback = "postgres",
        .sentence = "PostgreSQL: the database that `tiketi migrate --create` connects to first"},
    row{.name = "database.admin_password",
        .target = &s::database_admin_password,
        .fallback = "",
        .min = 1,
        .max = 1024,
        .unit = "bytes",
        .sentence = "PostgreSQL: password of database.admin_user, for `tiketi migrate --create` "
                    "only; the running node does not need it",
        .secret = "TIKETI_DATABASE_ADMIN_PASSWORD"},

    row{.name = "cluster.enabled",
        .target = &s::cluster_enabled,
        .fallback = "false",
        .sentence = "Be one of several nodes on the same databases. Needs database.kind = "
                    "'postgresql'; without it the databases are this node's alone"},
    row{.name = "cluster.node",
        .target = &s::cluster_node,
        .fallback = "",
        .min = 1,
        .max = 64,
        .unit = "bytes",
        .sentence = "Name of this node, a-z, 0-9, '.', '-' and '_'; no two nodes have the same. "
                    "Empty: the name of the machine"},
    row{.name = "cluster.address",
        .target = &s::cluster_address,
        .fallback = "127.0.0.1",
        .sentence = "IP address where other nodes reach this one; others than loopback need "
                    "certificates, or cluster.allow_plain"},
    row{.name = "cluster.port",
        .target = &s::cluster_port,
        .fallback = "4710",
        .min = 0,
        .max = 65535,
        .sentence = "TCP port where other nodes reach this one; 0: any free one"},
    row{.name = "cluster.advertise",
        .target = &s::cluster_advertise,
        .fallback = "",
        .min = 1,
        .max = 255,
        .unit = "bytes",
        .sentence = "host:port that other nodes connect to, where that differs from "
                    "cluster.address and cluster.port"},
    row{.name = "cluster.weight",
        .target = &s::cluster_weight,
        .fallback = "8",
        .min = 1,
        .max = 64,
        .sentence = "This node's part of the events, in relation to the weights of the others"},
    row{.name = "cluster.lease_ms",
        .target = &s::cluster_lease,
        .fallback = "3000",
        .min = 500,
        .max = 60000,
        .unit = "ms",
        .sentence = "A node that does not renew its lease for so long is given up, and others take "
                    "its events; it renews three times in that time"},
    row{.name = "cluster.margin_ms",
        .target = &s::cluster_margin,
        .fallback = "500",
        .min = 50,
        .max = 10000,
        .unit = "ms",
        .sentence = "A node that cannot renew stops serving so long before others may take over; "
                    "covers clocks that run at different speeds"},
    row{.name = "cluster.read_age_ms",
        .target = &s::cluster_read_age,
        .fallback = "250",
        .min = 0,
        .max = 10000,
        .unit = "ms",
        .sentence = "Seat maps and places in a queue of an event of another node are at most so "
                    "old; 0: each answer is newer than its question"},
    row{.name = "cluster.read_stale_ms",
        .target = &s::cluster_read_stale,
        .fallback = "5000",
        .min = 0,
        .max = 60000,
        .unit = "ms",
        .sentence = "While the node of an event does not answer they may be so old; 0: never"},
    row{.name = "cluster.ca_file",
        .target = &s::cluster_ca_file,
        .fallback = "",
        .min = 1,
        .max = 4096,
        .unit = "bytes",
        .sentence = "PEM file of the authority that signs the nodes' certificates: one of the "
                    "cluster's own, because names are not compared"},
    row{.name = "cluster.certificate_file",
        .target = &s::cluster_certificate_file,
        .fallback = "",
        .min = 1,
        .max = 4096,
        .unit = "bytes",
        .sentence = "PEM file of this node's certificate. With it nodes talk through TLS only"},
    row{.name = "cluster.key_file",
        .target = &s::cluster_key_file,
        .fallback = "",
        .min = 1,
        .max = 4096,
        .unit = "bytes",
        .sentence = "PEM file of the certificate's private key"},
    row{.name = "cluster.allow_plain",
        .target = &s::cluster_allow_plain,
        .fallback = "false",
        .sentence = "Let nodes talk without TLS on other interfaces than loopback. Whoever reaches "
                    "cluster.port can then do everything"},

    row{.name = "runtime.io_threads",
        .target = &s::runtime_io_threads,
        .fallback = "0",
        .min = 0,
        .max = 64,
        .sentence = "Threads that move bytes of HTTP connections; 0: one per core, two at least"},
    row{.name = "runtime.actor_threads",
        .target = &s::runtime_actor_threads,
        .fallback = "0",
        .min = 0,
        .max = 256,
        .sentence = "Worker threads of the actor scheduler; 0: one per core, two at least"},
    row{.name = "runtime.shutdown_timeout_seconds",
        .target = &s::runtime_shutdown_timeout,
        .fallback = "20",
        .min = 1,
        .max = 600,
        .unit = "s",
        .sentence = "After a SIGTERM: how long requests in flight and writers may take before the "
                    "process ends anyway, with an error"},
    row{.name = "runtime.shutdown_grace_ms",
        .target = &s::runtime_shutdown_grace,
        .fallback = "0",
        .min = 0,
        .max = 60'000,
        .unit = "ms",
        .sentence =
            "After a SIGTERM: how long it goes on taking requests with its readiness false, "
            "so that load balancers notice before the port closes; half of "
            "`runtime.shutdown_timeout_seconds` at most"},

    row{.name = "log.level",
        .target = &s::log_level,
        .fallback = "info",
        .allowed = "trace|debug|info|warn|error|off",
        .sentence = "Least important line that is written to standard error"},
    row{.name = "log.format",
        .target = &s::log_format,
        .fallback = "text",
        .allowed = "text|json",
        .sentence = "Form of the lines in the log: for a person, or one JSON object each"},

    row{.name = "trace.otlp_url",
        .target = &s::trace_otlp_url,
        .fallback = "off",
        .sentence = "Where spans of sampled requests and calls go, OTLP over HTTP in JSON, such as "
                    "`http://collector:4318/v1/traces`; `off`: nowhere, traces are only handed on"},
    row{.name = "trace.otlp_headers",
        .target = &s::trace_otlp_headers,
        .fallback = "",
        .min = 3,
        .max = 4096,
        .unit = "bytes",
        .sentence = "Headers for the collector, such as a key: `name=value`, separated by commas",
        .secret = "OTEL_EXPORTER_OTLP_HEADERS"},
    row{.name = "trace.service",
        .target = &s::trace_service,
        .fallback = "tiketi",
        .sentence = "Name of this program in traces"},
    row{.name = "trace.sample_percent",
        .target = &s::trace_sample_percent,
        .fallback = "10",
        .min = 0,
        .max = 100,
        .unit = "%",
        .sentence = "Share of the traces that begin here which are recorded; where a client begins "
                    "one, its traceparent decides"},

    row{.name = "http.address",
        .target = &s::http_address,
        .fallback = "127.0.0.1",
        .sentence = "IP address to listen on; `0.0.0.0` or `::` for every interface",
        .alias = "--address"},
    row{.name = "http.port",
        .target = &s::http_port,
        .fallback = "3001",
        .min = 0,
        .max = 65535,
        .sentence = "TCP port to listen on; 0: a free one, named in the log",
        .alias = "--port"},
    row{.name = "http.management_port",
        .target = &s::http_management_port,
        .fallback = "0",
        .min = 0,
        .max = 65535,
        .sentence = "TCP port of its own for health details and metrics; 0: they are served on "
                    "http.port"},
    row{.name = "http.fronts",
        .target = &s::http_fronts,
        .fallback = "4",
        .min = 1,
        .max = 64,
        .sentence = "Actors that translate between HTTP and messages"},
    row{.name = "http.connections_max",
        .target = &s::http_connections_max,
        .fallback = "10000",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Connections open at once; one more is answered 503 and closed"},
    row{.name = "http.in_flight_max",
        .target = &s::http_in_flight_max,
        .fallback = "4096",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Requests being worked on at once; one more is answered 503 with Retry-After"},
    row{.name = "http.header_bytes_max",
        .target = &s::http_header_bytes_max,
        .fallback = "16384",
        .min = 1024,
        .max = 1'048'576,
        .unit = "bytes",
        .sentence = "Longest request line and header together; longer is answered 431"},
    row{.name = "http.body_bytes_max",
        .target = &s::http_body_bytes_max,
        .fallback = "1048576",
        .min = 1024,
        .max = 67'108'864,
        .unit = "bytes",
        .sentence = "Longest request body; longer is answered 413"},
    row{.name = "http.header_timeout_ms",
        .target = &s::http_header_timeout,
        .fallback = "10000",
        .min = 50,
        .max = 600'000,
        .unit = "ms",
        .sentence = "Time for a client to send a whole header"},
    row{.name = "http.body_timeout_ms",
        .target = &s::http_body_timeout,
        .fallback = "20000",
        .min = 50,
        .max = 600'000,
        .unit = "ms",
        .sentence = "Time for a client to send a whole body"},
    row{.name = "http.write_timeout_ms",
        .target = &s::http_write_timeout,
        .fallback = "20000",
        .min = 50,
        .max = 600'000,
        .unit = "ms",
        .sentence = "Time for a client to take a whole answer"},
    row{.name = "http.idle_timeout_ms",
        .target = &s::http_idle_timeout,
        .fallback = "75000",
        .min = 50,
        .max = 3'600'000,
        .unit = "ms",
        .sentence = "A connection without a request is closed after this long"},
    row{.name = "http.request_timeout_ms",
        .target = &s::http_request_timeout,
        .fallback = "10000",
        .min = 100,
        .max = 60'000,
        .unit = "ms",
        .sentence = "A request not answered after this long is answered 504"},
    row{.name = "gateway.allowed_origins",
        .target = &s::gateway_allowed_origins,
        .fallback = "http://localhost:3000",
        .min = 0,
        .max = 64,
        .sentence = "Origins of web pages that may call with credentials (CORS)"},
    row{.name = "gateway.trusted_proxies",
        .target = &s::gateway_trusted_proxies,
        .fallback = "",
        .min = 0,
        .max = 64,
        .sentence = "IP addresses of proxies whose X-Forwarded-For is believed"},

    row{.name = "gateway.rate_limits",
        .target = &s::gateway_rate_limits,
        .fallback = "true",
        .sentence = "Limit requests per client; off for load tests only"},
    row{.name = "gateway.rate_limit_auth",
        .target = &s::gateway_rate_limit_auth,
        .fallback = "60",
        .min = 0,
        .max = 10'000'000,
        .unit = "requests/min",
        .sentence = "Registration, login and token calls per client; 0: no limit"},
    row{.name = "gateway.rate_limit_queue",
        .target = &s::gateway_rate_limit_queue,
        .fallback = "120",
        .min = 0,
        .max = 10'000'000,
        .unit = "requests/min",
        .sentence = "Queue calls per client; 0: no limit"},
    row{.name = "gateway.rate_limit_booking",
        .target = &s::gateway_rate_limit_booking,
        .fallback = "30",
        .min = 0,
        .max = 10'000'000,
        .unit = "requests/min",
        .sentence = "Reserve and cancel calls per client; 0: no limit"},
    row{.name = "gateway.rate_limit_general",
        .target = &s::gateway_rate_limit_general,
        .fallback = "3000",
        .min = 0,
        .max = 10'000'000,
        .unit = "requests/min",
        .sentence = "All other calls per client; 0: no limit"},

    row{.name = "gateway.entry_gate",
        .target = &s::gateway_entry_gate,
        .fallback = "true",
        .sentence = "Only who was admitted by the event's queue may reserve"},
    row{.name = "gateway.gate_seat_map",
        .target = &s::gateway_gate_seat_map,
        .fallback = "false",
        .sentence = "Only who was admitted by the event's queue may see its seat map"},

    row{.name = "gateway.idempotency_ttl_seconds",
        .target = &s::gateway_idempotency_ttl,
        .fallback = "86400",
        .min = 60,
        .max = 30 * day,
        .unit = "s",
        .sentence = "A request repeated with the same Idempotency-Key within this time gets the "
                    "first answer again"},
    row{.name = "gateway.idempotency_keys_per_user",
        .target = &s::gateway_idempotency_keys_per_user,
        .fallback = "1000",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Live idempotency keys of one user; one more is answered 429. Internal callers "
                    "share the next bound only"},
    row{.name = "gateway.idempotency_keys_max",
        .target = &s::gateway_idempotency_keys_max,
        .fallback = "1000000",
        .min = 1,
        .max = 100'000'000,
        .sentence = "Live idempotency keys of all; one more is answered 503"},
    row{.name = "gateway.idempotency_cache_mib",
        .target = &s::gateway_idempotency_cache_mib,
        .fallback = "16",
        .min = 1,
        .max = 65'536,
        .unit = "MiB",
        .sentence = "Memory for answers that were kept lately; others are read from the database"},

    row{.name = "streams.listeners_max",
        .target = &s::streams_listeners_max,
        .fallback = "8192",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Clients that may listen to streams of live updates at once; one more is "
                    "answered 503 with Retry-After. Each is a connection of http.connections_max"},
    row{.name = "streams.event_max",
        .target = &s::streams_event_max,
        .fallback = "8192",
        .min = 1,
        .max = 1'000'000,
        .sentence = "The same for one event"},
    row{.name = "streams.address_max",
        .target = &s::streams_address_max,
        .fallback = "256",
        .min = 1,
        .max = 1'000'000,
        .sentence = "The same for one client address (with IPv6 one network of 64 bits); one more "
                    "is answered 429 with Retry-After"},
    row{.name = "streams.waiting_events_max",
        .target = &s::streams_waiting_events_max,
        .fallback = "256",
        .min = 2,
        .max = 100'000,
        .sentence =
            "Events that may wait for one listener; with more it is too slow and is closed"},
    row{.name = "streams.waiting_kib_max",
        .target = &s::streams_waiting_kib_max,
        .fallback = "256",
        .min = 4,
        .max = 65'536,
        .unit = "KiB",
        .sentence = "The same in bytes, snapshots not counted"},
    row{.name = "streams.seat_interval_ms",
        .target = &s::streams_seat_interval,
        .fallback = "100",
        .min = 10,
        .max = 60'000,
        .unit = "ms",
        .sentence =
            "All changes of an event's seats in this time are one event of the seat stream"},
    row{.name = "streams.queue_interval_ms",
        .target = &s::streams_queue_interval,
        .fallback = "1000",
        .min = 50,
        .max = 60'000,
        .unit = "ms",
        .sentence = "How often the queue stream looks who of its listeners is due"},
    row{.name = "streams.heartbeat_ms",
        .target = &s::streams_heartbeat,
        .fallback = "15000",
        .min = 50,
        .max = 600'000,
        .unit = "ms",
        .sentence = "A comment is sent on every stream this often"},
    row{.name = "streams.duration_max_seconds",
        .target = &s::streams_duration_max,
        .fallback = "1800",
        .min = 1,
        .max = 86'400,
        .unit = "s",
        .sentence = "A stream ends after this long, and its client comes back with its last event; "
                    "its login is checked again then"},
    row{.name = "auth.jwt_secret",
        .target = &s::auth_jwt_secret,
        .fallback = "",
        .min = 32,
        .max = 4096,
        .unit = "bytes",
        .sentence = "Signs access and refresh tokens; plain text or Base64",
        .secret = "JWT_SECRET",
        .required = true},
    row{.name = "auth.internal_token",
        .target = &s::auth_internal_token,
        .fallback = "",
        .min = 16,
        .max = 4096,
        .unit = "bytes",
        .sentence = "What callers of /internal/ send as bearer token",
        .secret = "INTERNAL_API_TOKEN",
        .required = true},
    row{.name = "auth.internal_token_previous",
        .target = &s::auth_internal_token_previous,
        .fallback = "",
        .min = 16,
        .max = 4096,
        .unit = "bytes",
        .sentence = "Accepted beside auth.internal_token while callers are moved to a new one",
        .secret = "INTERNAL_API_TOKEN_PREVIOUS"},
    row{.name = "auth.access_ttl_seconds",
        .target = &s::auth_access_ttl,
        .fallback = "1800",
        .min = 60,
        .max = day,
        .unit = "s",
        .sentence = "Life of an access token and its cookie"},
    row{.name = "auth.refresh_ttl_seconds",
        .target = &s::auth_refresh_ttl,
        .fallback = "604800",
        .min = 300,
        .max = 90 * day,
        .unit = "s",
        .sentence = "Life of a refresh token and its cookie"},
    row{.name = "auth.cookie_secure",
        .target = &s::auth_cookie_secure,
        .fallback = "true",
        .sentence = "Mark cookies Secure, so that browsers send them over https only"},
    row{.name = "auth.argon2_memory_kib",
        .target = &s::auth_argon2_memory_kib,
        .fallback = "19456",
        .min = 8,
        .max = 1'048'576,
        .unit = "KiB",
        .sentence = "Argon2id: memory per password check. Lower than the default for tests only"},
    row{.name = "auth.argon2_iterations",
        .target = &s::auth_argon2_iterations,
        .fallback = "2",
        .min = 1,
        .max = 100,
        .sentence = "Argon2id: passes over the memory"},
    row{.name = "auth.password_threads",
        .target = &s::auth_password_threads,
        .fallback = "2",
        .min = 1,
        .max = 64,
        .sentence = "Passwords checked at once, each on a thread of its own"},
    row{.name = "auth.password_waiting_max",
        .target = &s::auth_password_waiting_max,
        .fallback = "64",
        .min = 1,
        .max = 10'000,
        .sentence = "Passwords waiting or being checked at once; one more is answered 503 with "
                    "Retry-After"},

    row{.name = "auth.google_client_ids",
        .target = &s::auth_google_client_ids,
        .fallback = "",
        .min = 0,
        .max = 16,
        .sentence = "Client ids of this shop at Google: whose ID tokens are accepted. Empty: no "
                    "login through Google"},
    row{.name = "auth.google_keys_url",
        .target = &s::auth_google_keys_url,
        .fallback = "https://www.googleapis.com/oauth2/v3/certs",
        .sentence = "Where the keys are published that Google signs ID tokens with"},

    row{.name = "catalog.readers",
        .target = &s::catalog_readers,
        .fallback = "2",
        .min = 1,
        .max = 16,
        .sentence = "Connections (and threads) that read the catalog"},

    row{.name = "uploads.directory",
        .target = &s::uploads_directory,
        .fallback = "uploads",
        .sentence = "Folder of the images that administrators upload; a relative one lies in "
                    "data.directory. Created when absent. In a cluster it must be one that all "
                    "nodes share"},
    row{.name = "uploads.image_bytes_max",
        .target = &s::uploads_image_bytes_max,
        .fallback = "5242880",
        .min = 1024,
        .max = 67'108'864,
        .unit = "bytes",
        .sentence = "Longest image; longer is refused. Beside http.body_bytes_max, which does not "
                    "count here"},
    row{.name = "uploads.total_mib",
        .target = &s::uploads_total_mib,
        .fallback = "2048",
        .min = 1,
        .max = 1'048'576,
        .unit = "MiB",
        .sentence = "All images together; over it an upload is answered 503"},
    row{.name = "uploads.public_address",
        .target = &s::uploads_public_address,
        .fallback = "/",
        .sentence = "What stands before the path in the address of an uploaded image, such as "
                    "`https://cdn.example.com`; `/`: an address relative to the site"},

    row{.name = "spotify.client_id",
        .target = &s::spotify_client_id,
        .fallback = "",
        .min = 1,
        .max = 256,
        .unit = "bytes",
        .sentence = "Account for looking up images and genres of artists; without it nobody is "
                    "asked",
        .secret = "SPOTIFY_CLIENT_ID"},
    row{.name = "spotify.client_secret",
        .target = &s::spotify_client_secret,
        .fallback = "",
        .min = 1,
        .max = 256,
        .unit = "bytes",
        .sentence = "Secret of the account spotify.client_id",
        .secret = "SPOTIFY_CLIENT_SECRET"},
    row{.name = "spotify.accounts_url",
        .target = &s::spotify_accounts_url,
        .fallback = "https://accounts.spotify.com",
        .sentence = "Where tokens are asked for"},
    row{.name = "spotify.api_url",
        .target = &s::spotify_api_url,
        .fallback = "https://api.spotify.com",
        .sentence = "Where artists are searched"},
    row{.name = "spotify.image_prefix",
        .target = &s::spotify_image_prefix,
        .fallback = "https://i.scdn.co/",
        .sentence = "Images are copied from addresses that begin so, and from no others"},

    row{.name = "ticket.hold_ttl_seconds",
        .target = &s::ticket_hold_ttl,
        .fallback = "300",
        .min = 1,
        .max = day,
        .unit = "s",
        .sentence = "How long a reservation waits for its payment before it expires"},
    row{.name = "ticket.seats_per_reservation",
        .target = &s::ticket_seats_per_reservation,
        .fallback = "4",
        .min = 1,
        .max = 64,
        .sentence = "Most seats one reservation may hold"},
    row{.name = "ticket.seats_per_user_and_event",
        .target = &s::ticket_seats_per_user_and_event,
        .fallback = "4",
        .min = 1,
        .max = 10'000,
        .sentence =
            "Most seats one user may have in pending and confirmed reservations of one event"},
    row{.name = "ticket.tickets_per_user_and_event",
        .target = &s::ticket_tickets_per_user_and_event,
        .fallback = "10",
        .min = 1,
        .max = 10'000,
        .sentence = "The same for tickets without seats"},
    row{.name = "ticket.reconcile_after_seconds",
        .target = &s::ticket_reconcile_after,
        .fallback = "60",
        .min = 1,
        .max = day,
        .unit = "s",
        .sentence = "A reservation pending longer than this is compared with the payment role"},
    row{.name = "ticket.idle_after_seconds",
        .target = &s::ticket_idle_after,
        .fallback = "600",
        .min = 1,
        .max = day,
        .unit = "s",
        .sentence = "An event nobody asked for this long leaves the memory"},
    row{.name = "ticket.writers",
        .target = &s::ticket_writers,
        .fallback = "2",
        .min = 1,
        .max = 16,
        .sentence = "PostgreSQL: connections that write the sale side by side; all of one event "
                    "goes over the same one. SQLite has one"},
    row{.name = "ticket.readers",
        .target = &s::ticket_readers,
        .fallback = "2",
        .min = 1,
        .max = 16,
        .sentence = "Connections (and threads) that read reservations and ticket types"},
    row{.name = "ticket.pre_sale",
        .target = &s::ticket_pre_sale,
        .fallback = "true",
        .sentence = "Members of an event's artist buy first, tier by tier; off: everybody from the "
                    "start of the sale"},
    row{.name = "ticket.refund_deadline",
        .target = &s::ticket_refund_deadline,
        .fallback = "0",
        .min = 0,
        .max = 365 * day,
        .unit = "s",
        .sentence = "Who has paid may cancel until this long before the event begins; an "
                    "administrator, and the end of an event, give money back at any time"},

    row{.name = "queue.entry_token_secret",
        .target = &s::queue_entry_token_secret,
        .fallback = "",
        .min = 32,
        .max = 4096,
        .unit = "bytes",
        .sentence = "Signs the tokens that let an admitted user reserve",
        .secret = "QUEUE_ENTRY_TOKEN_SECRET",
        .required = true},
    row{.name = "queue.threshold",
        .target = &s::queue_threshold,
        .fallback = "1000",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Most users active at once per event, where the event has no own threshold"},
    row{.name = "queue.active_ttl_seconds",
        .target = &s::queue_active_ttl,
        .fallback = "600",
        .min = 1,
        .max = day,
        .unit = "s",
        .sentence = "An admitted user not heard of this long loses the slot"},
    row{.name = "queue.seen_ttl_seconds",
        .target = &s::queue_seen_ttl,
        .fallback = "600",
        .min = 1,
        .max = day,
        .unit = "s",
        .sentence = "A waiting user not heard of this long loses the place"},
    row{.name = "queue.session_max_seconds",
        .target = &s::queue_session_max,
        .fallback = "3600",
        .min = 1,
        .max = 7 * day,
        .unit = "s",
        .sentence = "Longest time one admission lasts, however often it is renewed"},
    row{.name = "queue.leave_grace_seconds",
        .target = &s::queue_leave_grace,
        .fallback = "10",
        .min = 0,
        .max = 600,
        .unit = "s",
        .sentence = "Who left and comes back within this time keeps the place (a page reload)"},
    row{.name = "queue.entry_token_ttl_seconds",
        .target = &s::queue_entry_token_ttl,
        .fallback = "600",
        .min = 1,
        .max = day,
        .unit = "s",
        .sentence = "Life of an entry token; never longer than the slot's"},
    row{.name = "queue.admission_interval_ms",
        .target = &s::queue_admission_interval,
        .fallback = "1000",
        .min = 10,
        .max = 60'000,
        .unit = "ms",
        .sentence = "Pause between two admissions of waiting users"},
    row{.name = "queue.admission_batch",
        .target = &s::queue_admission_batch,
        .fallback = "100",
        .min = 1,
        .max = 100'000,
        .sentence = "Most users admitted per event at once"},
    row{.name = "queue.early_join_minutes",
        .target = &s::queue_early_join_minutes,
        .fallback = "60",
        .min = 0,
        .max = 10'080,
        .unit = "min",
        .sentence = "How long before the sale opens people may line up"},

    row{.name = "vwr.token_secret",
        .target = &s::vwr_token_secret,
        .fallback = "",
        .min = 32,
        .max = 4096,
        .unit = "bytes",
        .sentence = "Signs the tokens and request ids of numbered waiting rooms; needed where an "
                    "edge checks them. Without it one is derived from QUEUE_ENTRY_TOKEN_SECRET",
        .secret = "VWR_TOKEN_SECRET"},
    row{.name = "vwr.token_ttl_seconds",
        .target = &s::vwr_token_ttl,
        .fallback = "600",
        .min = 1,
        .max = day,
        .unit = "s",
        .sentence = "Life of the token that lets a served number into the queue"},
    row{.name = "vwr.position_ttl_seconds",
        .target = &s::vwr_position_ttl,
        .fallback = "86400",
        .min = 60,
        .max = 30 * day,
        .unit = "s",
        .sentence = "A number of a waiting room is void after this long, in whole minutes"},
    row{.name = "vwr.advance_batch",
        .target = &s::vwr_advance_batch,
        .fallback = "50",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Numbers of an active waiting room that are served at once"},
    row{.name = "vwr.advance_interval_ms",
        .target = &s::vwr_advance_interval,
        .fallback = "1000",
        .min = 100,
        .max = 600'000,
        .unit = "ms",
        .sentence = "Pause until the next numbers are served"},
    row{.name = "vwr.enforce",
        .target = &s::vwr_enforce,
        .fallback = "true",
        .sentence = "While an event's waiting room is active, only served numbers may join its "
                    "queue. Off where browsers do not send the cookie urr-vwr-token to this "
                    "server's host"},

    row{.name = "payment.provider",
        .target = &s::payment_provider,
        .fallback = "none",
        .allowed = "none|demo|toss",
        .sentence = "Who takes the money: `toss` is Toss Payments. `demo` approves everything at "
                    "once and says so in each answer; with `none` the start is refused, so that "
                    "nobody sells by mistake"},
    row{.name = "payment.provider_timeout_ms",
        .target = &s::payment_provider_timeout,
        .fallback = "8000",
        .min = 500,
        .max = 60000,
        .unit = "ms",
        .sentence = "What the provider has not answered after this long, retries included, is in "
                    "doubt and is looked up later"},
    row{.name = "payment.toss_url",
        .target = &s::payment_toss_url,
        .fallback = "https://api.tosspayments.com",
        .sentence = "Address of the API of Toss Payments; https, or http to this machine"},
    row{.name = "payment.toss_client_key",
        .target = &s::payment_toss_client_key,
        .fallback = "test_ck_dummy",
        .sentence = "Key that the browser opens the payment window with"},
    row{.name = "payment.toss_secret_key",
        .target = &s::payment_toss_secret_key,
        .fallback = "",
        .min = 8,
        .max = 200,
        .unit = "bytes",
        .sentence = "Key of this shop at Toss Payments; required with payment.provider = toss",
        .secret = "TOSS_SECRET_KEY"},

    row{.name = "remote.connect_timeout_ms",
        .target = &s::remote_connect_timeout,
        .fallback = "2000",
        .min = 50,
        .max = 30000,
        .unit = "ms",
        .sentence = "Calls to other systems: time for a connection to stand"},
    row{.name = "remote.attempt_timeout_ms",
        .target = &s::remote_attempt_timeout,
        .fallback = "4000",
        .min = 100,
        .max = 60000,
        .unit = "ms",
        .sentence = "Calls to other systems: time for one attempt"},
    row{.name = "remote.response_bytes_max",
        .target = &s::remote_response_bytes_max,
        .fallback = "1048576",
        .min = 1024,
        .max = 16'777'216,
        .unit = "bytes",
        .sentence = "Calls to other systems: longest answer; a longer one is no answer"},
    row{.name = "remote.in_flight_max",
        .target = &s::remote_in_flight_max,
        .fallback = "256",
        .min = 1,
        .max = 10000,
        .sentence = "Calls to one system at once; one more fails at once"},
    row{.name = "remote.attempts_max",
        .target = &s::remote_attempts_max,
        .fallback = "3",
        .min = 1,
        .max = 10,
        .sentence = "Attempts of a call that may be repeated, the first one included"},
    row{.name = "remote.retry_wait_ms",
        .target = &s::remote_retry_wait,
        .fallback = "200",
        .min = 1,
        .max = 10000,
        .unit = "ms",
        .sentence =
            "Wait before the second attempt; doubles, and up to half of it is left out by chance"},
    row{.name = "remote.retry_wait_max_ms",
        .target = &s::remote_retry_wait_max,
        .fallback = "2000",
        .min = 1,
        .max = 60000,
        .unit = "ms",
        .sentence = "Longest wait between two attempts"},
    row{.name = "remote.breaker_window",
        .target = &s::remote_breaker_window,
        .fallback = "10",
        .min = 1,
        .max = 1000,
        .sentence = "Circuit breaker: attempts that are judged together"},
    row{.name = "remote.breaker_failure_percent",
        .target = &s::remote_breaker_failure_percent,
        .fallback = "50",
        .min = 1,
        .max = 100,
        .unit = "%",
        .sentence = "Circuit breaker: share of failures from which a system is left alone"},
    row{.name = "remote.breaker_slow_percent",
        .target = &s::remote_breaker_slow_percent,
        .fallback = "80",
        .min = 1,
        .max = 100,
        .unit = "%",
        .sentence = "Circuit breaker: share of slow attempts from which a system is left alone"},
    row{.name = "remote.breaker_slow_ms",
        .target = &s::remote_breaker_slow,
        .fallback = "3000",
        .min = 10,
        .max = 60000,
        .unit = "ms",
        .sentence = "Circuit breaker: an attempt that takes longer is slow"},
    row{.name = "remote.breaker_open_ms",
        .target = &s::remote_breaker_open,
        .fallback = "10000",
        .min = 100,
        .max = 600000,
        .unit = "ms",
        .sentence = "Circuit breaker: how long a system is left alone before it is tried again"},
    row{.name = "remote.breaker_trials",
        .target = &s::remote_breaker_trials,
        .fallback = "3",
        .min = 1,
        .max = 100,
        .sentence = "Circuit breaker: trial attempts that decide whether it closes again"},

    row{.name = "redis.enabled",
        .target = &s::redis_enabled,
        .fallback = "false",
        .sentence = "Take fencing tokens from Redis, share rate limits over it, and mirror queues "
                    "to it. While Redis is away this node goes on by itself"},
    row{.name = "redis.host",
        .target = &s::redis_host,
        .fallback = "127.0.0.1",
        .sentence = "Name or IP address of the Redis master; a name is looked up again at each "
                    "connection"},
    row{.name = "redis.port",
        .target = &s::redis_port,
        .fallback = "6379",
        .min = 1,
        .max = 65535,
        .sentence = "TCP port of Redis. There is no TLS: use a tunnel outside a trusted network"},
    row{.name = "redis.cluster",
        .target = &s::redis_cluster,
        .fallback = "false",
        .sentence = "redis.host is any node of a Redis Cluster: calls go to the master that has "
                    "their key"},
    row{.name = "redis.user",
        .target = &s::redis_user,
        .fallback = "default",
        .sentence = "User of Redis' access list, for whom the password is"},
    row{.name = "redis.password",
        .target = &s::redis_password,
        .fallback = "",
        .min = 1,
        .max = 4096,
        .unit = "bytes",
        .sentence = "Sent to Redis at each connection; without it no login is tried",
        .secret = "REDIS_PASSWORD"},
    row{.name = "redis.database",
        .target = &s::redis_database,
        .fallback = "0",
        .min = 0,
        .max = 1'000,
        .sentence = "Number of the database in Redis; a cluster has 0 only"},
    row{.name = "redis.connections",
        .target = &s::redis_connections,
        .fallback = "1",
        .min = 1,
        .max = 64,
        .sentence =
            "Connections to Redis, of a cluster to each master; calls are pipelined, so one "
            "carries a sale"},
    row{.name = "redis.in_flight_max",
        .target = &s::redis_in_flight_max,
        .fallback = "8192",
        .min = 1,
        .max = 1'000'000,
        .sentence =
            "Calls that Redis has not answered, late ones included; one more fails at once"},
    row{.name = "redis.connect_timeout_ms",
        .target = &s::redis_connect_timeout,
        .fallback = "1000",
        .min = 10,
        .max = 60'000,
        .unit = "ms",
        .sentence = "Time for a connection to stand, login included"},
    row{.name = "redis.silence_max_ms",
        .target = &s::redis_silence_max,
        .fallback = "2000",
        .min = 50,
        .max = 60'000,
        .unit = "ms",
        .sentence = "A connection on which nothing is answered for this long is given up"},
    row{.name = "redis.reconnect_wait_max_ms",
        .target = &s::redis_reconnect_wait_max,
        .fallback = "2000",
        .min = 50,
        .max = 60'000,
        .unit = "ms",
        .sentence =
            "Longest wait between two attempts to connect; the first is 50 ms, each further "
            "one twice as long, and up to half is left out by chance"},
    row{.name = "redis.guard_deadline_ms",
        .target = &s::redis_guard_deadline,
        .fallback = "50",
        .min = 1,
        .max = 5'000,
        .unit = "ms",
        .sentence = "A hold waits this long for its fencing tokens; then this node gives them"},
    row{.name = "redis.guard_open_ms",
        .target = &s::redis_guard_open,
        .fallback = "1000",
        .min = 10,
        .max = 60'000,
        .unit = "ms",
        .sentence = "Holds leave Redis alone for this long when most of the last ones failed or "
                    "were slow there"},
    row{.name = "redis.seat_lock_ms",
        .target = &s::redis_seat_lock,
        .fallback = "10000",
        .min = 100,
        .max = 600'000,
        .unit = "ms",
        .sentence = "A seat of a hold that came to no end (its node died) is refused to others for "
                    "this long"},
    row{.name = "redis.share_rate_limits",
        .target = &s::redis_share_rate_limits,
        .fallback = "true",
        .sentence = "Count a client's requests over all nodes; off: each node counts its own"},
    row{.name = "redis.rate_interval_ms",
        .target = &s::redis_rate_interval,
        .fallback = "100",
        .min = 10,
        .max = 10'000,
        .unit = "ms",
        .sentence = "How often nodes tell each other how much their clients used"},
    row{.name = "redis.mirror_queues",
        .target = &s::redis_mirror_queues,
        .fallback = "true",
        .sentence = "Copy every queue to Redis, for scripts and other nodes to read"},

    row{.name = "community.readers",
        .target = &s::community_readers,
        .fallback = "2",
        .min = 1,
        .max = 16,
        .sentence = "Connections (and threads) that read news, posts and comments"},
    row{.name = "community.view_period_seconds",
        .target = &s::community_view_period,
        .fallback = "1800",
        .min = 0,
        .max = day,
        .unit = "s",
        .sentence = "Within this time one viewer adds one view to an article or post; 0: each call "
                    "adds one"},
    row{.name = "community.awarded_news_per_day",
        .target = &s::community_awarded_news_per_day,
        .fallback = "10",
        .min = 0,
        .max = 1'000'000,
        .sentence = "Articles per author and day (in Korea) that earn membership points"},
    row{.name = "community.awarded_posts_per_day",
        .target = &s::community_awarded_posts_per_day,
        .fallback = "10",
        .min = 0,
        .max = 1'000'000,
        .sentence = "The same for posts on artist boards"},
    row{.name = "community.awarded_comments_per_day",
        .target = &s::community_awarded_comments_per_day,
        .fallback = "30",
        .min = 0,
        .max = 1'000'000,
        .sentence = "The same for comments below posts"},

    row{.name = "webhook.allow_http",
        .target = &s::webhook_allow_http,
        .fallback = "false",
        .sentence =
            "Webhooks may have http:// addresses: what is sent can be read on the way. For tests"},
    row{.name = "webhook.allow_private_addresses",
        .target = &s::webhook_allow_private_addresses,
        .fallback = "false",
        .sentence = "Webhooks may be machines inside this network (private, loopback, link-local "
                    "addresses): whoever makes a webhook can then reach them through this program. "
                    "For tests"},
    row{.name = "webhook.webhooks_max",
        .target = &s::webhook_webhooks_max,
        .fallback = "100",
        .min = 1,
        .max = 1000,
        .sentence = "Webhooks of all organisers together"},
    row{.name = "webhook.webhooks_per_organiser",
        .target = &s::webhook_webhooks_per_organiser,
        .fallback = "20",
        .min = 1,
        .max = 1000,
        .sentence = "Webhooks made by one administrator"},
    row{.name = "webhook.pending_max",
        .target = &s::webhook_pending_max,
        .fallback = "10000",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Deliveries that wait for one webhook; with more it is suspended"},
    row{.name = "webhook.dead_letters_max",
        .target = &s::webhook_dead_letters_max,
        .fallback = "10000",
        .min = 1,
        .max = 1'000'000,
        .sentence = "Dead letters of one webhook; with more it is suspended"},
    row{.name = "webhook.in_flight_max",
        .target = &s::webhook_in_flight_max,
        .fallback = "64",
        .min = 0,
        .max = 1000,
        .sentence = "Deliveries being sent at once over all webhooks, beyond the one that each may "
                    "always have"},
    row{.name = "webhook.in_flight_per_webhook",
        .target = &s::webhook_in_flight_per_webhook,
        .fallback = "8",
        .min = 1,
        .max = 100,
        .sentence = "Deliveries being sent at once to one webhook, each of another key"},
    row{.name = "webhook.attempt_timeout_ms",
        .target = &s::webhook_attempt_timeout,
        .fallback = "10000",
        .min = 100,
        .max = 60'000,
        .unit = "ms",
        .sentence = "Time for a receiver to answer whole"},
    row{.name = "webhook.attempts_max",
        .target = &s::webhook_attempts_max,
        .fallback = "12",
        .min = 1,
        .max = 100,
        .sentence = "Attempts before a delivery becomes a dead letter"},
    row{.name = "webhook.retry_wait_ms",
        .target = &s::webhook_retry_wait,
        .fallback = "5000",
        .min = 1,
        .max = 3'600'000,
        .unit = "ms",
        .sentence = "Longest wait before the second attempt; doubles with each further one. Half "
                    "of it is by chance"},
    row{.name = "webhook.retry_wait_max_ms",
        .target = &s::webhook_retry_wait_max,
        .fallback = "3600000",
        .min = 1,
        .max = 86'400'000,
        .unit = "ms",
        .sentence = "Longest wait between two attempts"},
    row{.name = "webhook.age_max_seconds",
        .target = &s::webhook_age_max,
        .fallback = "86400",
        .min = 1,
        .max = 30 * day,
        .unit = "s",
        .sentence = "A delivery that fails and would be repeated later than this after it was "
                    "queued becomes a dead letter"},
    row{.name = "webhook.response_bytes_max",
        .target = &s::webhook_response_bytes_max,
        .fallback = "65536",
        .min = 0,
        .max = 1'048'576,
        .unit = "bytes",
        .sentence = "Longest answer of a receiver; with a longer one the attempt failed"},
    row{.name = "webhook.secret_overlap_seconds",
        .target = &s::webhook_secret_overlap,
        .fallback = "86400",
        .min = 0,
        .max = 30 * day,
        .unit = "s",
        .sentence = "After a secret was replaced the old one signs for this long, too"},
    row{.name = "webhook.keep_delivered_seconds",
        .target = &s::webhook_keep_delivered,
        .fallback = "604800",
        .min = 0,
        .max = 365 * day,
        .unit = "s",
        .sentence = "Deliveries that arrived are listed for this long; their bodies are not kept"},
    row{.name = "webhook.keep_dead_seconds",
        .target = &s::webhook_keep_dead,
        .fallback = "2592000",
        .min = 60,
        .max = 365 * day,
        .unit = "s",
        .sentence = "Dead letters can be replayed for this long, then they are removed"},
    row{.name = "sqs.enabled",
        .target = &s::sqs_enabled,
        .fallback = "false",
        .sentence = "Tell a FIFO queue of SQS of every admission to a waiting room",
        .variable = "SQS_ENABLED"},
    row{.name = "sqs.queue_url",
        .target = &s::sqs_queue_url,
        .fallback = "",
        .sentence = "Address of the queue for admission notices; its name ends in .fifo",
        .variable = "SQS_QUEUE_URL"},
    row{.name = "sqs.region",
        .target = &s::sqs_region,
        .fallback = "ap-northeast-2",
        .sentence = "Region of the queues, for signatures",
        .variable = "AWS_REGION"},
    row{.name = "sqs.endpoint",
        .target = &s::sqs_endpoint,
        .fallback = "",
        .sentence = "Where calls go instead of the host in the queue's address: a server that "
                    "speaks like SQS"},
    row{.name = "sqs.access_key_id",
        .target = &s::sqs_access_key_id,
        .fallback = "",
        .min = 0,
        .max = 1024,
        .unit = "bytes",
        .sentence = "Who calls SQS: the id of an access key",
        .secret = "AWS_ACCESS_KEY_ID"},
    row{.name = "sqs.secret_access_key",
        .target = &s::sqs_secret_access_key,
        .fallback = "",
        .min = 0,
        .max = 1024,
        .unit = "bytes",
        .sentence = "Signs calls to SQS; never sent",
        .secret = "AWS_SECRET_ACCESS_KEY"},
    row{.name = "sqs.session_token",
        .target = &s::sqs_session_token,
        .fallback = "",
        .min = 0,
        .max = 8192,
        .unit = "bytes",
        .sentence = "Belongs to the key where that is a temporary one",
        .secret = "AWS_SESSION_TOKEN"},
    row{.name = "sqs.calls_max",
        .target = &s::sqs_calls_max,
        .fallback = "4",
        .min = 1,
        .max = 64,
        .sentence = "Calls to SQS at once, each about other events"},
    row{.name = "sqs.group_batch",
        .target = &s::sqs_group_batch,
        .fallback = "10",
        .min = 1,
        .max = 10,
        .sentence = "Notices of one event in a call. With 1 their order holds even where SQS takes "
                    "only a part of a call; with more, what it refused comes behind what it took"},
    row{.name = "sqs.call_timeout_ms",
        .target = &s::sqs_call_timeout,
        .fallback = "5000",
        .min = 100,
        .max = 60'000,
        .unit = "ms",
        .sentence = "Longest time for a call to SQS"},
    row{.name = "sqs.retry_wait_ms",
        .target = &s::sqs_retry_wait,
        .fallback = "500",
        .min = 10,
        .max = 60'000,
        .unit = "ms",
        .sentence = "Wait after a failed call; doubles with each further one"},
    row{.name = "sqs.retry_wait_max_ms",
        .target = &s::sqs_retry_wait_max,
        .fallback = "30000",
        .min = 10,
        .max = 600'000,
        .unit = "ms",
        .sentence = "Longest wait after a failed call"},
    row{.name = "sqs.notice_age_max_seconds",
        .target = &s::sqs_notice_age_max,
        .fallback = "3600",
        .min = 60,
        .max = 1'209'600,
        .unit = "s",
        .sentence = "An admission that is older when its turn comes is not told any more"},
    row{.name = "worker.enabled",
        .target = &s::worker_enabled,
        .fallback = "false",
        .sentence = "Take requests for reservations from a queue of SQS, and run them"},
    row{.name = "worker.queue_url",
        .target = &s::worker_queue_url,
        .fallback = "",
        .sentence = "Address of the queue with requests for reservations"},
    row{.name = "worker.pollers",
        .target = &s::worker_pollers,
        .fallback = "2",
        .min = 1,
        .max = 64,
        .sentence = "Calls for messages at once, ten messages each"},
    row{.name = "worker.wait_seconds",
        .target = &s::worker_wait,
        .fallback = "20",
        .min = 0,
        .max = 20,
        .unit = "s",
        .sentence = "How long a call for messages waits for the first one"},
    row{.name = "worker.visibility_seconds",
        .target = &s::worker_visibility,
        .fallback = "300",
        .min = 2,
        .max = 43'200,
        .unit = "s",
        .sentence = "How long a received message is hidden from others; what failed comes again "
                    "after that, until the queue's redrive policy takes it away"},
    row{.name = "worker.run_timeout_ms",
        .target = &s::worker_run_timeout,
        .fallback = "10000",
        .min = 100,
        .max = 60'000,
        .unit = "ms",
        .sentence = "Longest time for one message; then it counts as failed"},
    row{.name = "worker.message_age_max_seconds",
        .target = &s::worker_message_age_max,
        .fallback = "900",
        .min = 1,
        .max = 1'209'600,
        .unit = "s",
        .sentence = "A request that has been in the queue for longer fails: whoever sent it does "
                    "not wait any more"},
    row{.name = "stats.readers",
        .target = &s::stats_readers,
        .fallback = "2",
        .min = 1,
        .max = 16,
        .sentence = "Connections (and threads) that make statistics reports"},

    row{.name = "bus.kind",
        .target = &s::bus_kind,
        .fallback = "embedded",
        .allowed = "embedded|kafka",
        .sentence = "How domain events travel from a role's outbox to the roles that apply them: "
                    "`embedded` inside this process, `kafka` through the brokers of kafka.brokers"},

    row{.name = "kafka.brokers",
        .target = &s::kafka_brokers,
        .fallback = "",
        .min = 0,
        .max = 64,
        .sentence = "Brokers to begin with, `host:port`; the others are found through them"},
    row{.name = "kafka.topic_prefix",
        .target = &s::kafka_topic_prefix,
        .fallback = "",
        .sentence = "Stands before the name of every topic, for a cluster that is shared"},
    row{.name = "kafka.group_prefix",
        .target = &s::kafka_group_prefix,
        .fallback = "tiketi-",
        .sentence = "Stands before the name of every consumer group"},
    row{.name = "kafka.create_topics",
        .target = &s::kafka_create_topics,
        .fallback = "true",
        .sentence = "Create topics that do not exist, with kafka.partitions and kafka.replication"},
    row{.name = "kafka.partitions",
        .target = &s::kafka_partitions,
        .fallback = "3",
        .min = 1,
        .max = 1000,
        .sentence = "Partitions of a topic that is created. To change those of an existing topic "
                    "breaks the order per key of what is in it"},
    row{.name = "kafka.replication",
        .target = &s::kafka_replication,
        .fallback = "1",
        .min = 1,
        .max = 10,
        .sentence = "Copies of each partition of a topic that is created; 3 in production"},
    row{.name = "kafka.security_protocol",
        .target = &s::kafka_security_protocol,
        .fallback = "plaintext",
        .allowed = "plaintext|ssl|sasl_plaintext|sasl_ssl",
        .sentence = "How to talk to the brokers"},
    row{.name = "kafka.sasl_mechanism",
        .target = &s::kafka_sasl_mechanism,
        .fallback = "SCRAM-SHA-512",
        .allowed = "PLAIN|SCRAM-SHA-256|SCRAM-SHA-512",
        .sentence = "How to log in, with a security protocol that begins with sasl"},
    row{.name = "kafka.sasl_username",
        .target = &s::kafka_sasl_username,
        .fallback = "",
        .sentence = "Who logs in at the brokers"},
    row{.name = "kafka.sasl_password",
        .target = &s::kafka_sasl_password,
        .fallback = "",
        .min = 1,
        .max = 4096,
        .unit = "bytes",
        .sentence = "The password of kafka.sasl_username",
        .secret = "KAFKA_SASL_PASSWORD"},
    row{.name = "kafka.ssl_ca_file",
        .target = &s::kafka_ssl_ca_file,
        .fallback = "",
        .sentence = "Certificates (PEM) that may sign those of the brokers. Empty: the system's"},
    row{.name = "kafka.ssl_certificate_file",
        .target = &s::kafka_ssl_certificate_file,
        .fallback = "",
        .sentence = "Certificate (PEM) that this node shows to the brokers. Empty: none"},
    row{.name = "kafka.ssl_key_file",
        .target = &s::kafka_ssl_key_file,
        .fallback = "",
        .sentence = "Key (PEM) of kafka.ssl_certificate_file"},
    row{.name = "kafka.ssl_key_password",
        .target = &s::kafka_ssl_key_password,
        .fallback = "",
        .min = 1,
        .max = 4096,
        .unit = "bytes",
        .sentence = "Opens kafka.ssl_key_file",
        .secret = "KAFKA_SSL_KEY_PASSWORD"},
    row{.name = "kafka.message_bytes_max",
        .target = &s::kafka_message_bytes_max,
        .fallback = "1000000",
        .min = 10'000,
        .max = 10'000'000,
        .unit = "bytes",
        .sentence =
            "Largest message; a larger event is set aside in `dead_events` of its role. Not "
            "more than the brokers' message.max.bytes"},
    row{.name = "kafka.held_max",
        .target = &s::kafka_held_max,
        .fallback = "512",
        .min = 1,
        .max = 100'000,
        .sentence = "Events of one partition that one consumer has read and not yet applied; with "
                    "more the partition is paused"},
    row{.name = "kafka.session_timeout_ms",
        .target = &s::kafka_session_timeout,
        .fallback = "10000",
        .min = 1000,
        .max = 300'000,
        .unit = "ms",
        .sentence = "What a node was reading is given to others when it was silent for this long. "
                    "Within the brokers' group.min.session.timeout.ms and its maximum"},
    row{.name = "kafka.attempts_max",
        .target = &s::kafka_attempts_max,
        .fallback = "8",
        .min = 1,
        .max = 1000,
        .sentence = "An event that its consumer refuses as invalid this often goes to the topic's "
                    "dead letters (`<topic>.dlq`); other failures are tried again for ever"},
};

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

bool is_allowed(std::string_view allowed, std::string_view word) {
  for (std::size_t at = 0; at <= allowed.size();) {
    const auto end = std::min(allowed.find('|', at), allowed.size());
    if (allowed.substr(at, end - at) == word)
      return true;
    at = end + 1;
  }
  return false;
}

std::string with_commas(std::string_view allowed) {
  std::string out;
  for (const char c : allowed)
    out += c == '|' ? std::string{", "} : std::string(1, c);
  return out;
}

/// `0 to 65535`, `full, normal`, `true, false` ...
std::string allowed_text(const row& r) {
  struct visitor {
    const row& r;
    std::string operator()(bool settings::*) const { return "true, false"; }
    std::string operator()(std::int64_t settings::*) const { return range(); }
    std::string operator()(std::chrono::seconds settings::*) const { return range(); }
    std::string operator()(std::chrono::milliseconds settings::*) const { return range(); }
    std::string operator()(std::string settings::*) const {
      if (!r.secret.empty())
        return fmt::format("{} to {} bytes", r.min, r.max);
      return r.allowed.empty() ? "text" : with_commas(r.allowed);
    }
    std::string operator()(std::vector<std::string> settings::*) const {
      return fmt::format("a list of up to {} texts", r.max);
    }
    std::string range() const {
      return fmt::format("{} to {}{}{}", r.min, r.max, r.unit.empty() ? "" : " ", r.unit);
    }
  };
  return std::visit(visitor{r}, r.target);
}

/// Name and allowed values stand in each message; never the value of a secret.
std::string complaint(const row& r, std::string_view value) {
  if (!r.secret.empty())
    return fmt::format("{} ({}) has {} bytes; allowed: {}", r.secret, r.name, value.size(),
                       allowed_text(r));
  constexpr std::size_t shown_max = 100;
  return fmt::format("{} = '{}'{} is not allowed; allowed: {}", r.name, value.substr(0, shown_max),
                     value.size() > shown_max ? "..." : "", allowed_text(r));
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

/// The value as it stands in a TOML file.
std::string to_toml(const settings& values, const row& r) {
  if (const auto* list = std::get_if<std::vector<std::string> settings::*>(&r.target)) {
    std::string out = "[";
    for (const auto& entry : values.**list)
      out += (out.size() > 1 ? ", " : "") + toml_string(entry);
    return out + "]";
  }
  const auto text = to_text(values, r);
  return std::holds_alternative<std::string settings::*>(r.target) ? toml_string(text) : text;
}

std::string_view section_of(std::string_view name) {
  return name.substr(0, name.find('.'));
}

} // namespace

std::span<const row> table() {
  return rows;
}

const row* find_row(std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const row& r) { //
    return r.name == name;
  });
  return found == rows.end() ? nullptr : &*found;
}

std::string environment_name(const row& r) {
  if (!r.secret.empty())
    return std::string{r.secret};
  std::string out = "TIKETI_";
  for (const char c : r.name)
    out += c == '.' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

settings defaults() {
  settings out;
  for (const auto& r : rows)
    if (r.secret.empty())
      if (const auto wrong = assign(out, r, r.fallback))
        throw std::logic_error("default of " + *wrong);
  return out;
}

std::optional<std::string> assign(settings& values, const row& r, std::string_view text) {
  struct visitor {
    settings& values;
    const row& r;
    std::string_view text;

    bool operator()(bool settings::*m) const {
      if (text != "true" && text != "false")
        return false;
      values.*m = text == "true";
      return true;
    }

    bool operator()(std::int64_t settings::*m) const {
      const auto n = bounded();
      if (n)
        values.*m = *n;
      return n.has_value();
    }

    bool operator()(std::chrono::seconds settings::*m) const {
      const auto n = bounded();
      if (n)
        values.*m = std::chrono::seconds{*n};
      return n.has_value();
    }

    bool operator()(std::chrono::milliseconds settings::*m) const {
      const auto n = bounded();
      if (n)
        values.*m = std::chrono::milliseconds{*n};
      return n.has_value();
    }

    bool operator()(std::string settings::*m) const {
      if (!r.secret.empty()) {
        const auto size = static_cast<std::int64_t>(text.size());
        if (size < r.min || size > r.max)
          return false;
      } else if (r.allowed.empty() ? text.empty() && !r.fallback.empty() // or it means "none"
                                   : !is_allowed(r.allowed, text)) {
        return false;
      }
      if (text.find('\0') != std::string_view::npos)
        return false;
      values.*m = std::string{text};
      return true;
    }

    bool operator()(std::vector<std::string> settings::*m) const {
      std::vector<std::string> list;
      for (std::size_t at = 0; at <= text.size();) {
        const auto end = std::min(text.find(',', at), text.size());
        if (const auto entry = trim(text.substr(at, end - at)); !entry.empty())
          list.emplace_back(entry);
        at = end + 1;
      }
      if (static_cast<std::int64_t>(list.size()) > r.max)
        return false;
      values.*m = std::move(list);
      return true;
    }

    std::optional<std::int64_t> bounded() const {
      const auto n = to_number(text);
      return n && *n >= r.min && *n <= r.max ? n : std::nullopt;
    }
  };
  if (std::visit(visitor{values, r, text}, r.target))
    return std::nullopt;
  return complaint(r, text);
}

std::string to_text(const settings& values, const row& r) {
  struct visitor {
    const settings& values;
    const row& r;

    std::string operator()(bool settings::*m) const { return values.*m ? "true" : "false"; }
    std::string operator()(std::int64_t settings::*m) const { return std::to_string(values.*m); }
    std::string operator()(std::chrono::seconds settings::*m) const {
      return std::to_string((values.*m).count());
    }
    std::string operator()(std::chrono::milliseconds settings::*m) const {
      return std::to_string((values.*m).count());
    }
    std::string operator()(std::string settings::*m) const {
      if (!r.secret.empty())
        return (values.*m).empty() ? "" : "(set)";
      return values.*m;
    }
    std::string operator()(std::vector<std::string> settings::*m) const {
      std::string out;
      for (const auto& entry : values.*m)
        out += (out.empty() ? "" : ",") + entry;
      return out;
    }
  };
  return std::visit(visitor{values, r}, r.target);
}

namespace {

/// The contents of a secret's file, without the line end that editors add.
std::optional<std::string> read_secret_file(const std::string& path, std::string& wrong) {
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    wrong = "the file '" + path + "' cannot be read";
    return std::nullopt;
  }
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

void load_secret(settings& values, const row& r, const environment_map& variables,
                 std::string& errors) {
  const auto name = environment_name(r);
  const auto plain = variables.find(name);
  const auto file = variables.find(name + "_FILE");
  const bool has_plain = plain != variables.end() && !plain->second.empty();
  const bool has_file = file != variables.end() && !file->second.empty();
  if (has_plain && has_file) {
    errors += fmt::format("both {0} and {0}_FILE are set; remove one of them\n", name);
  } else if (has_plain) {
    if (const auto wrong = assign(values, r, plain->second))
      errors += *wrong + '\n';
  } else if (has_file) {
    std::string wrong;
    if (const auto text = read_secret_file(file->second, wrong)) {
      if (const auto bad = assign(values, r, *text))
        errors += *bad + '\n';
    } else {
      errors += fmt::format("{}_FILE: {}\n", name, wrong);
    }
  }
}

} // namespace

std::vector<std::string> load_environment(settings& values, const environment_map& variables) {
  constexpr std::string_view prefix = "TIKETI_";
  std::string errors;
  std::vector<std::string> ignored;
  for (const auto& r : rows)
    if (!r.secret.empty())
      load_secret(values, r, variables, errors);
  for (const auto& r : rows) // first, so that a setting's own variable wins
    if (const auto at = variables.find(r.variable); !r.variable.empty() && at != variables.end())
      if (const auto wrong = assign(values, r, at->second))
        errors += fmt::format("environment {}: {}\n", r.variable, *wrong);
  for (auto at = variables.lower_bound(prefix);
       at != variables.end() && at->first.starts_with(prefix); ++at) {
    const auto& name = at->first; // no structured binding: clang 14 cannot capture one
    const auto& value = at->second;
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const row& r) {
      return r.secret.empty() && environment_name(r) == name;
    });
    if (found != rows.end()) {
      if (const auto wrong = assign(values, *found, value))
        errors += fmt::format("environment {}: {}\n", name, *wrong);
      continue;
    }
    if (std::any_of(rows.begin(), rows.end(), [&](const row& r) {
          return !r.secret.empty() && (name == r.secret || name == std::string{r.secret} + "_FILE");
        }))
      continue; // read above
    const bool known_section = std::any_of(rows.begin(), rows.end(), [&](const row& r) {
      std::string start{prefix};
      for (const char c : section_of(r.name))
        start += (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
      return name.starts_with(start + "_");
    });
    if (known_section)
      errors += fmt::format("environment {} is no setting; docs/settings.md lists them\n", name);
    else
      ignored.push_back(name);
  }
  if (!errors.empty())
    throw settings_error(errors);
  return ignored;
}

namespace {

/// What is sent to it, or believed from it, cannot be read or changed on the way.
bool is_safe_url(std::string_view url) {
  // A user name in front could hide which machine is meant.
  constexpr std::string_view foreign = " \t\r\n@\\";
  if (url.find_first_of(foreign) != std::string_view::npos)
    return false;
  if (url.starts_with("https://"))
    return url.size() > std::string_view{"https://"}.size();
  for (const std::string_view local : {"http://127.0.0.1", "http://localhost", "http://[::1]"})
    if (url.starts_with(local)
        && (url.size() == local.size() || url[local.size()] == ':' || url[local.size()] == '/'))
      return true;
  return false;
}

/// Names of databases and users go into statements, where no value can be bound.
bool is_plain_name(std::string_view name) {
  return name.size() <= 40
         && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_")
                == std::string_view::npos
         && (name.empty() || name.front() < '0' || name.front() > '9');
}

} // namespace

void check_database(const settings& values, std::string& errors) {
  if (values.database_kind != "postgresql")
    return;
  for (const auto& [name, value] : {std::pair{"name", values.database_name_prefix},
                                    std::pair{"user", values.database_user_prefix}})
    if (!is_plain_name(value))
      errors +=
          fmt::format("database.{}_prefix = '{}' is not allowed; allowed: up to 40 lower-case "
                      "letters, digits and '_', no digit first\n",
                      name, value);
  if (values.database_host.empty() || values.database_host.find(',') != std::string::npos)
    errors += fmt::format("database.host = '{}' is not allowed; allowed: one name or address\n",
                          values.database_host);
  for (const auto& r : rows)
    if (r.name.starts_with("database.password_") && values.database_password.empty())
      if (const auto* text = std::get_if<std::string settings::*>(&r.target);
          text != nullptr && (values.**text).empty())
        errors += fmt::format("{0} is missing: database.kind = 'postgresql' needs it, or {0}_FILE, "
                              "or TIKETI_DATABASE_PASSWORD for all roles\n",
                              r.secret);
}

std::string sqs_endpoint_of(const settings& values, const std::string& queue_url) {
  auto out = values.sqs_endpoint;
  if (out.empty()) {
    const auto host = queue_url.find("://");
    out = host == std::string::npos ? std::string{}
                                    : queue_url.substr(0, queue_url.find('/', host + 3));
  }
  while (!out.empty() && out.back() == '/')
    out.pop_back();
  return out;
}

void check_sqs(const settings& values, std::string& errors) {
  const auto check_queue = [&](std::string_view section, const std::string& url) {
    if (url.empty())
      errors += fmt::format("{0}.enabled needs {0}.queue_url\n", section);
    else if (!is_safe_url(sqs_endpoint_of(values, url)))
      errors += fmt::format("{}.queue_url = '{}' is not allowed; allowed: https://host/..., or "
                            "http:// to this machine (sqs.endpoint too), because people's tokens "
                            "are sent there\n",
                            section, url);
  };
  if (values.sqs_enabled) {
    check_queue("sqs", values.sqs_queue_url);
    if (!values.sqs_queue_url.empty() && !values.sqs_queue_url.ends_with(".fifo"))
      errors += fmt::format("sqs.queue_url = '{}' is not allowed; allowed: a FIFO queue, whose "
                            "name ends in .fifo\n",
                            values.sqs_queue_url);
  }
  if (values.worker_enabled)
    check_queue("worker", values.worker_queue_url);
  if (!values.sqs_enabled && !values.worker_enabled)
    return;
  if (values.sqs_access_key_id.empty() || values.sqs_secret_access_key.empty())
    errors += "SQS needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ACCESS_KEY_ID_FILE "
              "and AWS_SECRET_ACCESS_KEY_FILE\n";
  if (values.sqs_region.empty()
      || values.sqs_region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-")
             != std::string::npos)
    errors += fmt::format("sqs.region = '{}' is not allowed; allowed: a name such as "
                          "ap-northeast-2\n",
                          values.sqs_region);
  if (values.sqs_retry_wait_max < values.sqs_retry_wait)
    errors += "sqs.retry_wait_max_ms must not be less than sqs.retry_wait_ms\n";
  if (values.worker_visibility < values.worker_run_timeout + std::chrono::seconds{1})
    errors += "worker.visibility_seconds must be a second more than worker.run_timeout_ms at "
              "least\n";
}

std::string database_password_of(const settings& values, std::string_view role) {
  if (const auto* r = find_row(fmt::format("database.password_{}", role)))
    if (const auto* text = std::get_if<std::string settings::*>(&r->target);
        text != nullptr && !(values.**text).empty())
      return values.**text;
  return values.database_password;
}

void check(const settings& values) {
  std::string errors;
  auto require = [&](bool holds, std::string_view sentence) {
    if (!holds)
      errors += std::string{sentence} + '\n';
  };
  for (const auto& r : rows) {
    if (!r.required || r.secret.empty())
      continue;
    const auto* text = std::get_if<std::string settings::*>(&r.target);
    if (text != nullptr && (values.**text).empty())
      errors += fmt::format("{0} is missing: set it, or {0}_FILE, to {1} of random text "
                            "(`openssl rand -hex 32` makes one), or start with --demo\n",
                            r.secret, allowed_text(r));
  }
  require(
      values.payment_provider != "none",
      "payment.provider = 'none': no payment could be made; allowed: toss, demo (also chosen by "
      "--demo)");
  check_database(values, errors);
  check_sqs(values, errors);
  require(values.payment_provider != "toss" || !values.payment_toss_secret_key.empty(),
          "payment.provider = 'toss' needs TOSS_SECRET_KEY, or TOSS_SECRET_KEY_FILE");
  require(is_safe_url(values.payment_toss_url),
          fmt::format("payment.toss_url = '{}' is not allowed; allowed: https://host[:port], or "
                      "http:// to this machine, because the secret key is sent there",
                      values.payment_toss_url));
  require(is_safe_url(values.auth_google_keys_url),
          fmt::format("auth.google_keys_url = '{}' is not allowed; allowed: an https:// address, "
                      "or http:// to this machine, because logins are checked with its keys",
                      values.auth_google_keys_url));
  require(values.trace_otlp_url == "off" || values.trace_otlp_url.starts_with("http://")
              || values.trace_otlp_url.starts_with("https://"),
          fmt::format("trace.otlp_url = '{}' is not allowed; allowed: an http:// or https:// "
                      "address, or off",
                      values.trace_otlp_url));
  require(parse_headers(values.trace_otlp_headers).has_value(),
          "OTEL_EXPORTER_OTLP_HEADERS is not allowed; allowed: name=value, separated by commas");
  require(values.remote_retry_wait_max >= values.remote_retry_wait,
          "remote.retry_wait_max_ms must not be less than remote.retry_wait_ms");
  require(values.webhook_retry_wait_max >= values.webhook_retry_wait,
          "webhook.retry_wait_max_ms must not be less than webhook.retry_wait_ms");
  require(values.http_management_port == 0 || values.http_management_port != values.http_port,
          "http.management_port must differ from http.port, or be 0");
  require(values.ticket_seats_per_user_and_event >= values.ticket_seats_per_reservation,
          "ticket.seats_per_user_and_event must not be less than ticket.seats_per_reservation");
  require(values.queue_session_max >= values.queue_active_ttl,
          "queue.session_max_seconds must not be less than queue.active_ttl_seconds");
  require(values.vwr_token_secret.empty()
              || values.vwr_token_secret != values.queue_entry_token_secret,
          "VWR_TOKEN_SECRET must differ from QUEUE_ENTRY_TOKEN_SECRET");
  require(values.auth_refresh_ttl >= values.auth_access_ttl,
          "auth.refresh_ttl_seconds must not be less than auth.access_ttl_seconds");
  require(!values.cluster_enabled || values.database_kind == "postgresql",
          "cluster.enabled needs database.kind = 'postgresql': nodes share their databases");
  require(
      !values.redis_cluster || values.redis_database == 0,
      fmt::format("redis.cluster needs redis.database = 0, not {}: a Redis Cluster has no other",
                  values.redis_database));
  require((values.cluster_certificate_file.empty() && values.cluster_key_file.empty()
           && values.cluster_ca_file.empty())
              || (!values.cluster_certificate_file.empty() && !values.cluster_key_file.empty()
                  && !values.cluster_ca_file.empty()),
          "cluster.ca_file, cluster.certificate_file and cluster.key_file belong together");
  require(values.bus_kind != "kafka" || !values.kafka_brokers.empty(),
          "bus.kind = 'kafka' needs kafka.brokers");
  require(!values.kafka_security_protocol.starts_with("sasl") || values.bus_kind != "kafka"
              || (!values.kafka_sasl_username.empty() && !values.kafka_sasl_password.empty()),
          "kafka.security_protocol with sasl needs kafka.sasl_username and KAFKA_SASL_PASSWORD, or "
          "KAFKA_SASL_PASSWORD_FILE");
  require(values.kafka_ssl_certificate_file.empty() == values.kafka_ssl_key_file.empty(),
          "kafka.ssl_certificate_file and kafka.ssl_key_file belong together");
  for (const auto& origin : values.gateway_allowed_origins)
    require(
        origin.starts_with("http://") || origin.starts_with("https://"),
        fmt::format("gateway.allowed_origins: '{}' is no origin; allowed: http(s)://host[:port]",
                    origin));
  if (!errors.empty())
    throw settings_error(errors);
}

std::optional<std::vector<std::pair<std::string, std::string>>>
parse_headers(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const auto trimmed = [&](std::string_view part) {
    const auto first = part.find_first_not_of(blanks);
    return first == std::string_view::npos
               ? std::string{}
               : std::string{part.substr(first, part.find_last_not_of(blanks) - first + 1)};
  };
  const auto is_token = [](std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
             || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
    });
  };
  std::vector<std::pair<std::string, std::string>> out;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto pair = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos)
      return std::nullopt;
    auto name = trimmed(pair.substr(0, equals));
    auto value = trimmed(pair.substr(equals + 1));
    const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
    if (!is_token(name) || !std::all_of(value.begin(), value.end(), printable))
      return std::nullopt;
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

std::string dump(const settings& values) {
  std::string out = "# Every setting of tiketi as it is now. docs/settings.md explains them.\n";
  std::string_view section;
  for (const auto& r : rows) {
    if (section_of(r.name) != section) {
      section = section_of(r.name);
      out += fmt::format("\n[{}]\n", section);
    }
    const auto key = r.name.substr(section.size() + 1);
    if (!r.secret.empty()) {
      out += fmt::format("# {}: a secret, from {} or {}_FILE{}\n", key, r.secret, r.secret,
                         to_text(values, r).empty() ? "" : "; set");
      continue;
    }
    out += fmt::format("# {}. Allowed: {}.\n{} = {}\n", r.sentence, allowed_text(r), key,
                       to_toml(values, r));
  }
  return out;
}

std::string markdown() {
  std::string out =
      "# Settings\n\n"
      "Made from the table in `config/settings.cpp` by `tiketi --settings-doc`; a test compares "
      "the two.\n\n"
      "Each setting can stand in the file given by `--config` (TOML: `[section]`, `key = value`), "
      "in the environment (`TIKETI_SECTION_KEY`), and on the command line "
      "(`--section.key=value`). The command line wins over the environment, the environment over "
      "the file, the file over the default. Lists are separated by commas outside the file. An "
      "unknown name or a value that is not allowed stops the start.\n\n"
      "Secrets come from the environment only: `NAME` holds the value, `NAME_FILE` the path of a "
      "file with it.\n";
  std::string_view section;
  for (const auto& r : rows) {
    if (section_of(r.name) != section) {
      section = section_of(r.name);
      out += fmt::format("\n## {}\n\n| setting | default | allowed | what it does |\n"
                         "| --- | --- | --- | --- |\n",
                         section);
    }
    std::string name = fmt::format("`{}`", r.name);
    if (!r.alias.empty())
      name += fmt::format(" (`{}`)", r.alias);
    if (!r.variable.empty())
      name += fmt::format(", also from `{}`", r.variable);
    if (!r.secret.empty())
      name = fmt::format("`{}`, secret", r.secret);
    const std::string fallback = !r.secret.empty()    ? (r.required ? "required" : "none")
                                 : r.fallback.empty() ? "empty"
                                                      : fmt::format("`{}`", r.fallback);
    out += fmt::format("| {} | {} | {} | {} |\n", name, fallback, allowed_text(r), r.sentence);
  }
  return out;
}

} // namespace tiketi::config
