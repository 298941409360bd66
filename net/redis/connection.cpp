#include "net/redis/connection.hpp"

#include <iterator>
#include <string_view>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

namespace tiketi::net {

namespace asio = boost::asio;

struct redis_connection::hooks {
  struct waiting_answer {
    std::shared_ptr<redis_connection> home;
    answer_fn fn;
  };

  static redis_connection& of(void* data) { return *static_cast<redis_connection*>(data); }

  static void add_read(void* data) {
    of(data).reads_ = true;
    of(data).want_read();
  }
  static void del_read(void* data) { of(data).reads_ = false; }
  static void add_write(void* data) {
    of(data).writes_ = true;
    of(data).want_write();
  }
  static void del_write(void* data) { of(data).writes_ = false; }

  /// The one call that comes at every end, whoever caused it.
  static void cleanup(void* data) { of(data).gone(); }

  static void connected(const redisAsyncContext* context, int status) {
    if (status != REDIS_OK)
      of(context->data).why_ = context->errstr ? context->errstr : "not connected";
  }

  /// Called exactly once for every command that hiredis took.
  static void answered(redisAsyncContext* context, void* reply, void* data) {
    const std::unique_ptr<waiting_answer> answer{static_cast<waiting_answer*>(data)};
    auto& home = *answer->home;
    --home.unanswered_;
    home.heard_at_ = clock::now();
    if (!reply && home.why_.empty() && context->err != 0 && context->errstr)
      home.why_ = context->errstr;
    answer->fn(static_cast<const redisReply*>(reply));
  }
};

redis_connection::redis_connection(asio::io_context& io, environment& env,
                                   const redis_options& options, wants role, change_fn changed)
    : io_(io),
      env_(env),
      options_(options),
      role_(role),
      changed_(std::move(changed)),
      backoff_(options.reconnect),
      resolver_(io),
      retry_(io) {}

redis_connection::~redis_connection() {
  stop();
}

void redis_connection::start() {
  connect();
}

void redis_connection::stop() {
  phase_ = phase::stopped;
  ++attempt_;
  resolver_.cancel();
  retry_.cancel();
  if (context_)
    redisAsyncFree(context_);
}

void redis_connection::connect() {
  phase_ = phase::resolving;
  deadline_ = clock::now() + options_.connect_timeout;
  const auto attempt = ++attempt_;
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(options_.host, not_numeric);
  if (!not_numeric) {
    resolved({address, options_.port});
    return;
  }
  resolver_.async_resolve(options_.host, std::to_string(options_.port),
                          asio::ip::tcp::resolver::numeric_service,
                          [self = shared_from_this(), attempt](auto error, auto results) {
                            if (self->attempt_ != attempt)
                              return;
                            if (error || results.empty())
                              return self->wait_again("the name is not found: " + error.message());
                            auto chosen = results.begin();
                            // The name may be one of many nodes, and the first of them away.
                            if (self->role_ == wants::any)
                              std::advance(chosen, self->env_.random() % results.size());
                            self->resolved(chosen->endpoint());
                          });
}

void redis_connection::resolved(const asio::ip::tcp::endpoint& where) {
  why_.clear();
  auto* context = redisAsyncConnect(where.address().to_string().c_str(), where.port());
  if (!context || context->err != 0) {
    const std::string why = context && context->errstr ? context->errstr : "out of memory";
    if (context)
      redisAsyncFree(context);
    wait_again(why);
    return;
  }
  boost::system::error_code error;
  descriptor_.emplace(io_);
  descriptor_->assign(context->c.fd, error);
  if (error) {
    descriptor_.reset();
    redisAsyncFree(context);
    wait_again(error.message());
    return;
  }
  context_ = context;
  phase_ = phase::greeting;
  silent_ticks_ = 0;
  redisEnableKeepAlive(&context->c);
  context->data = this;
  context->ev.data = this;
  context->ev.addRead = hooks::add_read;
  context->ev.delRead = hooks::del_read;
  context->ev.addWrite = hooks::add_write;
  context->ev.delWrite = hooks::del_write;
  context->ev.cleanup = hooks::cleanup;
  redisAsyncSetConnectCallback(context, hooks::connected); // asks to write, so after the hooks
  greet();
}

/// Travels with the first packet. The connection is ready when all of it was answered well.
void redis_connection::greet() {
  std::vector<std::vector<std::string>> words;
  if (!options_.password.empty()) {
    if (options_.user.empty())
      words.push_back({"AUTH", options_.password});
    else
      words.push_back({"AUTH", options_.user, options_.password});
  }
  if (options_.database != 0)
    words.push_back({"SELECT", std::to_string(options_.database)});
  words.push_back({"PING"});
  if (role_ == wants::master)
    words.push_back({"ROLE"});
  for (const auto& script : redis::scripts())
    words.push_back({"SCRIPT", "LOAD", script.text});
  greetings_ = words.size();
  const auto attempt = attempt_;
  for (const auto& command : words) {
    const bool sent = put(command, [this, attempt, name = command[0]](const redisReply* reply) {
      if (attempt != attempt_ || !reply)
        return;
      if (name == "ROLE") {
        // An ACL may forbid the question, which is no reason to go without Redis.
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0
            && reply->element[0]->type == REDIS_REPLY_STRING
            && std::string_view{reply->element[0]->str, reply->element[0]->len} != "master")
          return give_up("the server is a replica");
      } else if (reply->type == REDIS_REPLY_ERROR) {
        return give_up(fmt::format("{}: {}", name, std::string_view{reply->str, reply->len}));
      }
      if (--greetings_ > 0 || phase_ != phase::greeting)
        return;
      phase_ = phase::ready;
      ready_since_ = clock::now();
      changed_(true, {});
    });
    if (!sent)
      return give_up("hiredis takes no command");
  }
}

bool redis_connection::put(const std::vector<std::string>& words, answer_fn answer) {
  std::vector<const char*> data;
  std::vector<std::size_t> sizes;
  data.reserve(words.size());
  sizes.reserve(words.size());
  for (const auto& word : words) {
    data.push_back(word.data());
    sizes.push_back(word.size());
  }
  auto waiting = std::make_unique<hooks::waiting_answer>(
      hooks::waiting_answer{shared_from_this(), std::move(answer)});
  if (!context_
      || redisAsyncCommandArgv(context_, hooks::answered, waiting.get(),
                               static_cast<int>(words.size()), data.data(), sizes.data())
             != REDIS_OK)
    return false;
  static_cast<void>(waiting.release()); // comes back in `answered`
  if (unanswered_++ == 0)
    heard_at_ = clock::now();
  return true;
}

bool redis_connection::send(const std::vector<std::string>& words, answer_fn answer) {
  return phase_ == phase::ready && put(words, std::move(answer));
}

void redis_connection::give_up(std::string why) {
  // Not here: this may be inside a callback of the context.
  asio::post(io_, [self = shared_from_this(), attempt = attempt_, why = std::move(why)] {
    if (self->attempt_ == attempt)
      self->drop(why);
  });
}

/// Ends the attempt or the connection. Never inside a callback of hiredis.
void redis_connection::drop(const std::string& why) {
  why_ = why;
  if (context_)
    redisAsyncFree(context_); // calls all that wait, then `gone`
  else if (phase_ == phase::resolving)
    wait_again(why);
}

/// The context is about to be freed: its descriptor must not be closed twice.
void redis_connection::gone() {
  if (descriptor_) {
    descriptor_->release();
    descriptor_.reset();
  }
  if (why_.empty())
    why_ = context_->errstr && *context_->errstr ? context_->errstr : "the connection was closed";
  context_ = nullptr;
  reads_ = writes_ = waits_read_ = waits_write_ = false;
  if (phase_ != phase::stopped)
    wait_again(std::exchange(why_, {}));
}

void redis_connection::wait_again(const std::string& why) {
  const bool was_ready = phase_ == phase::ready;
  // One that is lost as soon as it is made is no success.
  if (was_ready && clock::now() - ready_since_ > std::chrono::seconds{1})
    backoff_.reset();
  phase_ = phase::waiting;
  const auto attempt = ++attempt_;
  resolver_.cancel();
  retry_.expires_after(backoff_.next(env_.random()));
  retry_.async_wait([self = shared_from_this(), attempt](auto error) {
    if (!error && self->attempt_ == attempt)
      self->connect();
  });
  changed_(false, why);
}

void redis_connection::tick(clock::time_point now) {
  if ((phase_ == phase::resolving || phase_ == phase::greeting) && now >= deadline_) {
    drop("no answer while connecting");
  } else if (phase_ == phase::ready) {
    // Counted in ticks that came without an answer: when this thread itself was kept from working,
    // the answers may well lie in its socket.
    silent_ticks_ = unanswered_ > 0 && heard_at_ <= last_tick_ ? silent_ticks_ + 1 : 0;
    last_tick_ = now;
    if (silent_ticks_ * tick_interval >= options_.silence_max)
      drop(fmt::format("nothing answered for {} ms", options_.silence_max.count()));
    else if (unanswered_ == 0 && now - heard_at_ >= options_.silence_max / 2)
      put({"PING"}, [](const redisReply*) {});
  }
}

void redis_connection::want_read() {
  if (waits_read_ || !descriptor_)
    return;
  waits_read_ = true;
  descriptor_->async_wait(asio::posix::descriptor_base::wait_read,
                          [self = shared_from_this(), attempt = attempt_](auto error) {
                            if (error || self->attempt_ != attempt || !self->context_)
                              return;
                            self->waits_read_ = false;
                            if (!self->reads_)
                              return;
                            redisAsyncHandleRead(self->context_); // may be its end
                            if (self->attempt_ == attempt && self->context_ && self->reads_)
                              self->want_read();
                          });
}

void redis_connection::want_write() {
  if (waits_write_ || !descriptor_)
    return;
  waits_write_ = true;
  descriptor_->async_wait(asio::posix::descriptor_base::wait_write,
                          [self = shared_from_this(), attempt = attempt_](auto error) {
                            if (error || self->attempt_ != attempt || !self->context_)
                              return;
                            self->waits_write_ = false;
                            if (!self->writes_)
                              return;
                            redisAsyncHandleWrite(self->context_); // may be its end
                            if (self->attempt_ == attempt && self->context_ && self->writes_)
                              self->want_write();
                          });
}

} // namespace tiketi::net
