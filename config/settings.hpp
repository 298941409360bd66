#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tiketi::config {

/// Every value a person can set. What each one means, its default and its bounds stand in
/// `table()`, once; a settings object holds checked values only.
struct settings {
  // demo
  bool demo_enabled = false;
  // data
  std::string data_directory;
  std::string data_durability;
  // database
  std::string database_kind;
  std::string database_host;
  std::int64_t database_port = 0;
  std::string database_tls;
  std::string database_name_prefix;
  std::string database_user_prefix;
  std::chrono::milliseconds database_connect_timeout{};
  std::chrono::milliseconds database_statement_timeout{};
  std::chrono::milliseconds database_lock_timeout{};
  std::chrono::milliseconds database_network_timeout{};
  std::string database_password;
  std::string database_password_auth;
  std::string database_password_catalog;
  std::string database_password_ticket;
  std::string database_password_queue;
  std::string database_password_payment;
  std::string database_password_community;
  std::string database_password_stats;
  std::string database_password_webhook;
  std::string database_password_gateway;
  std::string database_password_cluster;
  std::string database_admin_user;
  std::string database_admin_database;
  std::string database_admin_password;
  // cluster
  bool cluster_enabled = false;
  std::string cluster_node;
  std::string cluster_address;
  std::int64_t cluster_port = 0;
  std::string cluster_advertise;
  std::int64_t cluster_weight = 0;
  std::chrono::milliseconds cluster_lease{};
  std::chrono::milliseconds cluster_margin{};
  std::chrono::milliseconds cluster_read_age{};
  std::chrono::milliseconds cluster_read_stale{};
  std::string cluster_ca_file;
  std::string cluster_certificate_file;
  std::string cluster_key_file;
  bool cluster_allow_plain = false;
  // runtime
  std::int64_t runtime_io_threads = 0;
  std::int64_t runtime_actor_threads = 0;
  std::chrono::seconds runtime_shutdown_timeout{};
  std::chrono::milliseconds runtime_shutdown_grace{};
  // log
  std::string log_level;
  std::string log_format;

  std::string trace_otlp_url;
  std::string trace_otlp_headers;
  std::string trace_service;
  std::int64_t trace_sample_percent = 0;
  // http
  std::string http_address;
  std::int64_t http_port = 0;
  std::int64_t http_management_port = 0;
  std::int64_t http_fronts = 0;
  std::int64_t http_connections_max = 0;
  std::int64_t http_in_flight_max = 0;
  std::int64_t http_header_bytes_max = 0;
  std::int64_t http_body_bytes_max = 0;
  std::chrono::milliseconds http_header_timeout{};
  std::chrono::milliseconds http_body_timeout{};
  std::chrono::milliseconds http_write_timeout{};
  std::chrono::milliseconds http_idle_timeout{};
  std::chrono::milliseconds http_request_timeout{};
  // gateway
  std::vector<std::string> gateway_allowed_origins;
  std::vector<std::string> gateway_trusted_proxies;
  bool gateway_rate_limits = false;
  std::int64_t gateway_rate_limit_auth = 0;
  std::int64_t gateway_rate_limit_queue = 0;
  std::int64_t gateway_rate_limit_booking = 0;
  std::int64_t gateway_rate_limit_general = 0;
  bool gateway_entry_gate = false;
  bool gateway_gate_seat_map = false;
  std::int64_t streams_listeners_max = 0;
  std::int64_t streams_event_max = 0;
  std::int64_t streams_address_max = 0;
  std::int64_t streams_waiting_events_max = 0;
  std::int64_t streams_waiting_kib_max = 0;
  std::chrono::milliseconds streams_seat_interval{};
  std::chrono::milliseconds streams_queue_interval{};
  std::chrono::milliseconds streams_heartbeat{};
  std::chrono::seconds streams_duration_max{};
  std::chrono::seconds gateway_idempotency_ttl{};
  std::int64_t gateway_idempotency_keys_per_user = 0;
  std::int64_t gateway_idempotency_keys_max = 0;
  std::int64_t gateway_idempotency_cache_mib = 0;
  // auth
  std::string auth_jwt_secret;
  std::string auth_internal_token;
  std::string auth_internal_token_previous;
  std::chrono::seconds auth_access_ttl{};
  std::chrono::seconds auth_refresh_ttl{};
  bool auth_cookie_secure = false;
  std::int64_t auth_argon2_memory_kib = 0;
  std::int64_t auth_argon2_iterations = 0;
  std::int64_t auth_password_threads = 0;
  std::int64_t auth_password_waiting_max = 0;
  std::vector<std::string> auth_google_client_ids;
  std::string auth_google_keys_url;
  // catalog
  std::int64_t catalog_readers = 0;
  // uploads
  std::string uploads_directory;
  std::int64_t uploads_image_bytes_max = 0;
  std::int64_t uploads_total_mib = 0;
  std::string uploads_public_address;
  // spotify
  std::string spotify_client_id;
  std::string spotify_client_secret;
  std::string spotify_accounts_url;
  std::string spotify_api_url;
  std::string spotify_image_prefix;
  // ticket
  std::chrono::seconds ticket_hold_ttl{};
  std::int64_t ticket_seats_per_reservation = 0;
  std::int64_t ticket_seats_per_user_and_event = 0;
  std::int64_t ticket_tickets_per_user_and_event = 0;
  std::chrono::seconds ticket_reconcile_after{};
  std::chrono::seconds ticket_idle_after{};
  std::int64_t ticket_readers = 0;
  std::int64_t ticket_writers = 0;
  bool ticket_pre_sale = true;
  std::chrono::seconds ticket_refund_deadline{};
  // queue
  std::string queue_entry_token_secret;
  std::int64_t queue_threshold = 0;
  std::chrono::seconds queue_active_ttl{};
  std::chrono::seconds queue_seen_ttl{};
  std::chrono::seconds queue_session_max{};
  std::chrono::seconds queue_leave_grace{};
  std::chrono::seconds queue_entry_token_ttl{};
  std::chrono::milliseconds queue_admission_interval{};
  std::int64_t queue_admission_batch = 0;
  std::int64_t queue_early_join_minutes = 0;
  // vwr
  std::string vwr_token_secret;
  std::chrono::seconds vwr_token_ttl{};
  std::chrono::seconds vwr_position_ttl{};
  std::int64_t vwr_advance_batch = 0;
  std::chrono::milliseconds vwr_advance_interval{};
  bool vwr_enforce = false;
  // payment
  std::string payment_provider;
  std::chrono::milliseconds payment_provider_timeout{};
  std::string payment_toss_url;
  std::string payment_toss_client_key;
  std::string payment_toss_secret_key;
  // remote
  std::chrono::milliseconds remote_connect_timeout{};
  std::chrono::milliseconds remote_attempt_timeout{};
  std::int64_t remote_response_bytes_max = 0;
  std::int64_t remote_in_flight_max = 0;
  std::int64_t remote_attempts_max = 0;
  std::chrono::milliseconds remote_retry_wait{};
  std::chrono::milliseconds remote_retry_wait_max{};
  std::int64_t remote_breaker_window = 0;
  std::int64_t remote_breaker_failure_percent = 0;
  std::int64_t remote_breaker_slow_percent = 0;
  std::chrono::milliseconds remote_breaker_slow{};
  std::chrono::milliseconds remote_breaker_open{};
  std::int64_t remote_breaker_trials = 0;
  // redis
  bool redis_enabled = false;
  std::string redis_host;
  std::int64_t redis_port = 0;
  bool redis_cluster = false;
  std::string redis_user;
  std::string redis_password;
  std::int64_t redis_database = 0;
  std::int64_t redis_connections = 0;
  std::int64_t redis_in_flight_max = 0;
  std::chrono::milliseconds redis_connect_timeout{};
  std::chrono::milliseconds redis_silence_max{};
  std::chrono::milliseconds redis_reconnect_wait_max{};
  std::chrono::milliseconds redis_guard_deadline{};
  std::chrono::milliseconds redis_guard_open{};
  std::chrono::milliseconds redis_seat_lock{};
  bool redis_share_rate_limits = true;
  std::chrono::milliseconds redis_rate_interval{};
  bool redis_mirror_queues = true;
  // community
  std::int64_t community_readers = 0;
  std::chrono::seconds community_view_period{};
  std::int64_t community_awarded_news_per_day = 0;
  std::int64_t community_awarded_posts_per_day = 0;
  std::int64_t community_awarded_comments_per_day = 0;
  // webhook
  bool webhook_allow_http = false;
  bool webhook_allow_private_addresses = false;
  std::int64_t webhook_webhooks_max = 0;
  std::int64_t webhook_webhooks_per_organiser = 0;
  std::int64_t webhook_pending_max = 0;
  std::int64_t webhook_dead_letters_max = 0;
  std::int64_t webhook_in_flight_max = 0;
  std::int64_t webhook_in_flight_per_webhook = 0;
  std::chrono::milliseconds webhook_attempt_timeout{};
  std::int64_t webhook_attempts_max = 0;
  std::chrono::milliseconds webhook_retry_wait{};
  std::chrono::milliseconds webhook_retry_wait_max{};
  std::chrono::seconds webhook_age_max{};
  std::int64_t webhook_response_bytes_max = 0;
  std::chrono::seconds webhook_secret_overlap{};
  std::chrono::seconds webhook_keep_delivered{};
  std::chrono::seconds webhook_keep_dead{};
  // sqs
  bool sqs_enabled = false;
  std::string sqs_queue_url;
  std::string sqs_region;
  std::string sqs_endpoint;
  std::string sqs_access_key_id;
  std::string sqs_secret_access_key;
  std::string sqs_session_token;
  std::int64_t sqs_calls_max = 0;
  std::int64_t sqs_group_batch = 0;
  std::chrono::milliseconds sqs_call_timeout{};
  std::chrono::milliseconds sqs_retry_wait{};
  std::chrono::milliseconds sqs_retry_wait_max{};
  std::chrono::seconds sqs_notice_age_max{};
  // worker
  bool worker_enabled = false;
  std::string worker_queue_url;
  std::int64_t worker_pollers = 0;
  std::chrono::seconds worker_wait{};
  std::chrono::seconds worker_visibility{};
  std::chrono::milliseconds worker_run_timeout{};
  std::chrono::seconds worker_message_age_max{};
  // stats
  std::int64_t stats_readers = 0;
  // bus
  std::string bus_kind;
  // kafka
  std::vector<std::string> kafka_brokers;
  std::string kafka_topic_prefix;
  std::string kafka_group_prefix;
  bool kafka_create_topics = true;
  std::int64_t kafka_partitions = 0;
  std::int64_t kafka_replication = 0;
  std::string kafka_security_protocol;
  std::string kafka_sasl_mechanism;
  std::string kafka_sasl_username;
  std::string kafka_sasl_password;
  std::string kafka_ssl_ca_file;
  std::string kafka_ssl_certificate_file;
  std::string kafka_ssl_key_file;
  std::string kafka_ssl_key_password;
  std::int64_t kafka_message_bytes_max = 0;
  std::int64_t kafka_held_max = 0;
  std::chrono::milliseconds kafka_session_timeout{};
  std::int64_t kafka_attempts_max = 0;
};

/// Where a row's value lives; the type decides how the value is read.
using member = std::variant<bool settings::*, std::int64_t settings::*, std::string settings::*,
                            std::vector<std::string> settings::*, std::chrono::seconds settings::*,
                            std::chrono::milliseconds settings::*>;

/// One declared setting. The command line, the file, the environment, `--help`, `--dump-config` and
/// docs/settings.md are all made from these rows.
struct row {
  std::string_view name; ///< `section.key`
  member target;
  std::string_view fallback; ///< default, as it would be typed
  std::int64_t min = 0;      ///< numbers: value; lists: entries; secrets: bytes
  std::int64_t max = 0;
  std::string_view allowed = {};  ///< words separated by `|`; empty: any text
  std::string_view unit = {};     ///< empty: none
  std::string_view sentence = {}; ///< what it does
  std::string_view alias = {};    ///< a shorter command line option, `--port`
  std::string_view secret = {};   ///< environment variable of a secret; `<name>_FILE` names a file
  bool required = false;          ///< secrets: the start is refused without it
  /// Another environment variable for it, weaker than its own.
  std::string_view variable = {};
};

std::span<const row> table();

/// The row of this name, or null.
const row* find_row(std::string_view name);

/// `TIKETI_HTTP_PORT`; the variable itself for a secret.
std::string environment_name(const row& r);

/// Something is wrong with what was set. One line per problem: name, value, what is allowed.
class settings_error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The defaults of the table; secrets empty.
settings defaults();

/// Sets one value from text (command line, environment). Returns what is wrong, if anything.
std::optional<std::string> assign(settings& s, const row& r, std::string_view text);

/// The value as it would be typed; `(set)` or empty for a secret.
std::string to_text(const settings& s, const row& r);

/// Reads a TOML file over `s`. Throws settings_error naming every unknown or invalid entry.
void load_toml(settings& s, std::string_view text, const std::string& file_name);

using environment_map = std::map<std::string, std::string, std::less<>>;

/// Reads TIKETI_* variables and the secrets over `s`. An unknown variable of a known section is an
/// error; others (an orchestrator's TIKETI_PORT=tcp://...) come back as names to warn of.
std::vector<std::string> load_environment(settings& s, const environment_map& variables);

/// What does not fit together. Throws settings_error.
void check(const settings& s);

/// `name=value, name=value`: headers of HTTP. Nothing where it is none of that.
std::optional<std::vector<std::pair<std::string, std::string>>>
parse_headers(std::string_view text);

/// What does not fit together in `sqs` and `worker`, one line each, appended to `errors`.
void check_sqs(const settings& s, std::string& errors);

/// Where calls for this queue go: `sqs.endpoint`, or scheme and host of the queue's address.
std::string sqs_endpoint_of(const settings& s, const std::string& queue_url);

/// What does not fit together in `database`, one line each, appended to `errors`.
void check_database(const settings& s, std::string& errors);

/// The role's own password, or the one for all; empty: none is set.
std::string database_password_of(const settings& s, std::string_view role);

/// A TOML file that sets every value as it is now, with a comment each.
std::string dump(const settings& s);

/// docs/settings.md
std::string markdown();

} // namespace tiketi::config
