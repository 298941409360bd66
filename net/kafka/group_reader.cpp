#include "net/kafka/group_reader.hpp"

#include "actors/bus/type_ids.hpp"

#include <algorithm>

#include <caf/send.hpp>
#include <spdlog/spdlog.h>

namespace tiketi::kafka {
namespace {

constexpr int poll_ms = 50;
constexpr std::size_t batch_max = 256;
constexpr milliseconds start_poll{100};
constexpr std::chrono::seconds measure_every{1};
constexpr std::chrono::seconds renew_after{5};
/// A last commit that gets no answer only causes repeats.
constexpr int last_commit_ms = 3000;

/// Does its header say that nobody here wants it? Most records of a busy topic end here.
bool is_unwanted(const rd_kafka_message_t& message, const std::vector<std::string>& types) {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  if (types.empty() || rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR
      || rd_kafka_header_get_last(headers, "event-type", &value, &size)
             != RD_KAFKA_RESP_ERR_NO_ERROR
      || value == nullptr)
    return false;
  const std::string_view type{static_cast<const char*>(value), size};
  return std::find(types.begin(), types.end(), type) == types.end();
}

} // namespace

group_reader::group_reader(const kafka_options& options, group what, group_actor to,
                           std::shared_ptr<const progress_board> board,
                           std::shared_ptr<group_metrics> metrics, std::function<bool()> ready)
    : options_(options),
      what_(std::move(what)),
      to_(std::move(to)),
      board_(std::move(board)),
      metrics_(std::move(metrics)),
      ready_(std::move(ready)),
      client_(make()) {
  thread_ = std::thread([this] { run(); });
}

group_reader::~group_reader() {
  leave();
  join();
}

void group_reader::join() {
  if (thread_.joinable())
    thread_.join();
}

std::string group_reader::full_name(const std::string& topic) const {
  return options_.connection.topic_prefix + topic;
}

std::string group_reader::own_name(const char* topic) const {
  std::string out{topic};
  if (out.starts_with(options_.connection.topic_prefix))
    out.erase(0, options_.connection.topic_prefix.size());
  return out;
}

client_ptr group_reader::make() {
  const auto& own = options_.consumer;
  const auto session = own.session_timeout.count();
  const bool patient = own.patient.contains(what_.consumer);
  auto conf =
      make_conf(options_.connection,
                {{"group.id", options_.connection.group_prefix + what_.consumer},
                 {"enable.auto.commit", "false"},
                 {"enable.auto.offset.store", "false"},
                 {"auto.offset.reset", "earliest"},
                 {"session.timeout.ms", std::to_string(session)},
                 {"heartbeat.interval.ms", std::to_string(std::max<long>(session / 5, 100))},
                 {"isolation.level", "read_committed"},
                 // What waits here is beside `held_max`.
                 {"queued.min.messages", "1000"},
                 {"queued.max.messages.kbytes", "4096"},
                 // A broker answers when this much has come, or after this long: a request for
                 // every few records would cost it more than the records.
                 {"fetch.min.bytes", patient ? "262144" : "16384"},
                 {"fetch.wait.max.ms",
                  std::to_string((patient ? own.fetch_wait_patient : own.fetch_wait).count())},
                 {"fetch.error.backoff.ms", "200"}});
  rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
  rd_kafka_conf_set_offset_commit_cb(conf.get(), on_commit);
  rd_kafka_conf_set_opaque(conf.get(), this);
  auto out = make_client(RD_KAFKA_CONSUMER, std::move(conf));
  rd_kafka_poll_set_consumer(out.get());
  return out;
}

void group_reader::subscribe() {
  const list_ptr topics{rd_kafka_topic_partition_list_new(static_cast<int>(what_.topics.size()))};
  for (const auto& [topic, to] : what_.topics)
    rd_kafka_topic_partition_list_add(topics.get(), full_name(topic).c_str(),
                                      RD_KAFKA_PARTITION_UA);
  if (const auto code = rd_kafka_subscribe(client_.get(), topics.get()))
    spdlog::error("kafka: {} cannot subscribe: {}", what_.consumer, rd_kafka_err2str(code));
}

void group_reader::run() {
  while (!stopping_ && !ready_())
    std::this_thread::sleep_for(start_poll);
  if (stopping_)
    return;
  subscribe();
  auto committed = clock::now();
  auto measured = committed;
  while (!stopping_) {
    read_for_a_while();
    post();
    throttle();
    const auto now = clock::now();
    if (now - committed >= options_.consumer.commit_every) {
      committed = now;
      commit(false);
    }
    if (now - measured >= measure_every) {
      measured = now;
      measure();
      renew();
    }
  }
  // Gives the partitions back, which commits what is applied.
  rd_kafka_consumer_close(client_.get());
}

void group_reader::read_for_a_while() {
  // The first message may take a while, the others are there or they are not.
  int wait = poll_ms;
  const auto most = std::min(batch_max, options_.consumer.held_max);
  for (std::size_t i = 0; i < most; ++i) {
    const message_ptr message{rd_kafka_consumer_poll(client_.get(), wait)};
    if (!message)
      return;
    wait = 0;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
      take(*message);
    else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
      spdlog::debug("kafka: {}: {}", what_.consumer, rd_kafka_message_errstr(message.get()));
  }
}

const group_reader::row& group_reader::row_of(const rd_kafka_message_t& message) {
  if (row_.topic == message.rkt && row_.number == message.partition)
    return row_;
  row_ = {message.rkt, message.partition};
  const partition from{own_name(rd_kafka_topic_name(message.rkt)), message.partition};
  const auto found = readings_.find(from);
  const auto to = what_.topics.find(from.first);
  if (found == readings_.end() || to == what_.topics.end())
    return row_;
  row_.progress = &found->second;
  row_.to = &*to;
  row_.batch = &batch_[from];
  return row_;
}

void group_reader::take(const rd_kafka_message_t& message) {
  const auto& at = row_of(message);
  if (at.progress == nullptr)
    return;
  if (at.progress->first < 0)
    at.progress->first = message.offset;
  at.progress->posted = message.offset;
  auto& batch = *at.batch;
  if (is_unwanted(message, at.to->second.types)) {
    if (!batch.empty() && batch.back().passed_over) { // the last of a row says it all
      batch.back().raw.offset = message.offset;
      return;
    }
    arrival passed;
    passed.raw.topic = at.to->first;
    passed.raw.partition = message.partition;
    passed.raw.offset = message.offset;
    passed.passed_over = true;
    batch.push_back(std::move(passed));
    return;
  }
  batch.push_back(read_arrival(to_record(message, options_.connection.topic_prefix), what_.consumer,
                               at.to->second.types));
}

void group_reader::post() {
  row_ = {};
  for (auto& [from, records] : std::exchange(batch_, {})) {
    const auto found = readings_.find(from);
    if (found != readings_.end())
      caf::anon_send(to_, arrivals{from, found->second.epoch, std::move(records)});
  }
}

std::int64_t group_reader::applied_to(const partition& p, const reading& r) const {
  return board_->next_offset(p, r.epoch).value_or(-1);
}

/// Bounds what the actor holds: by offsets, which count some records too many at most.
void group_reader::throttle() {
  const auto most = static_cast<std::int64_t>(options_.consumer.held_max);
  for (auto& [p, r] : readings_) {
    if (r.posted < 0)
      continue;
    const auto open = r.posted + 1 - std::max(applied_to(p, r), r.first);
    const bool pause = r.paused ? open > most / 2 : open >= most;
    if (pause == r.paused)
      continue;
    const list_ptr list{rd_kafka_topic_partition_list_new(1)};
    rd_kafka_topic_partition_list_add(list.get(), full_name(p.first).c_str(), p.second);
    const auto code = pause ? rd_kafka_pause_partitions(client_.get(), list.get())
                            : rd_kafka_resume_partitions(client_.get(), list.get());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
      r.paused = pause;
  }
}

void group_reader::commit(bool wait) {
  const list_ptr list{rd_kafka_topic_partition_list_new(static_cast<int>(readings_.size()))};
  for (const auto& [p, r] : readings_) {
    const auto next = applied_to(p, r);
    if (next > r.committed && next > 0)
      rd_kafka_topic_partition_list_add(list.get(), full_name(p.first).c_str(), p.second)->offset =
          next;
  }
  if (list->cnt == 0)
    return;
  if (!wait) {
    rd_kafka_commit(client_.get(), list.get(), 1);
    return;
  }
  const queue_ptr answers{rd_kafka_queue_new(client_.get())};
  if (rd_kafka_commit_queue(client_.get(), list.get(), answers.get(), nullptr, nullptr)
      != RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  const event_ptr answer{rd_kafka_queue_poll(answers.get(), last_commit_ms)};
  if (!answer || rd_kafka_event_error(answer.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
    spdlog::debug("kafka: {}: the last commit failed", what_.consumer);
}

void group_reader::on_commit(rd_kafka_t*, rd_kafka_resp_err_t code,
                             rd_kafka_topic_partition_list_t* list, void* self) {
  auto& me = *static_cast<group_reader*>(self);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || list == nullptr) {
    // The next one carries the same offsets or later ones.
    spdlog::debug("kafka: {}: commit: {}", me.what_.consumer, rd_kafka_err2str(code));
    return;
  }
  for (int i = 0; i < list->cnt; ++i) {
    const auto& x = list->elems[i];
    const auto found = me.readings_.find({me.own_name(x.topic), x.partition});
    if (x.err == RD_KAFKA_RESP_ERR_NO_ERROR && found != me.readings_.end())
      found->second.committed = std::max(found->second.committed, x.offset);
  }
}

/// From what the last answers of the brokers said about the ends; asks nobody.
void group_reader::measure() {
  std::int64_t lag = 0;
  for (const auto& [p, r] : readings_) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    if (rd_kafka_get_watermark_offsets(client_.get(), full_name(p.first).c_str(), p.second, &low,
                                       &high)
            != RD_KAFKA_RESP_ERR_NO_ERROR
        || high < 0)
      continue;
    auto next = applied_to(p, r);
    if (next < 0 && r.posted < 0)
      next = high; // nothing has come since the assignment: there is nothing
    lag += std::max<std::int64_t>(high - std::max<std::int64_t>(next, 0), 0);
  }
  metrics_->lag.Set(static_cast<double>(lag));
}

/// librdkafka gave the client up: a new one takes its place.
void group_reader::renew() {
  char text[512] = {};
  const auto code = rd_kafka_fatal_error(client_.get(), text, sizeof text);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
    return;
  spdlog::error("kafka: the consumer {} starts anew: {}: {}", what_.consumer,
                rd_kafka_err2name(code), text);
  rd_kafka_consumer_close(client_.get());
  for (auto until = clock::now() + renew_after; !stopping_ && clock::now() < until;)
    std::this_thread::sleep_for(start_poll);
  if (stopping_)
    return;
  try {
    client_ = make();
    subscribe();
  } catch (const std::exception& e) {
    spdlog::error("kafka: the consumer {} cannot start anew: {}", what_.consumer, e.what());
  }
}

void group_reader::assigned(rd_kafka_topic_partition_list_t* list) {
  ++epoch_;
  row_ = {};
  readings_.clear();
  for (int i = 0; i < list->cnt; ++i)
    readings_[{own_name(list->elems[i].topic), list->elems[i].partition}].epoch = epoch_;
  metrics_->partitions.Set(static_cast<double>(readings_.size()));
  metrics_->rebalances.Increment();
  rd_kafka_assign(client_.get(), list);
  spdlog::debug("kafka: {} reads {} partitions", what_.consumer, readings_.size());
}

void group_reader::revoked(rd_kafka_topic_partition_list_t* list) {
  row_ = {};
  batch_.clear(); // read again by whoever gets them
  give_up word;
  for (const auto& [p, r] : readings_)
    word.partitions.push_back(p);
  word.done = std::make_shared<std::promise<void>>();
  auto done = word.done->get_future();
  const bool any = !word.partitions.empty();
  caf::anon_send(to_, std::move(word));
  // Somebody else has lost partitions already: the offsets are no longer ours to commit.
  const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
  if (any && !lost)
    done.wait_for(options_.consumer.revoke_patience + options_.consumer.tick * 2);
  if (!lost)
    commit(true);
  static_cast<void>(list);
  readings_.clear();
  metrics_->partitions.Set(0);
  metrics_->lag.Set(0);
  rd_kafka_assign(client_.get(), nullptr);
}

void group_reader::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code,
                                rd_kafka_topic_partition_list_t* list, void* self) {
  auto& me = *static_cast<group_reader*>(self);
  if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
    me.assigned(list);
  else
    me.revoked(list);
}

} // namespace tiketi::kafka
