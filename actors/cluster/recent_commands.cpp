#include "actors/cluster/recent_commands.hpp"

namespace tiketi::cluster {

void recent_commands::forget_past(time_point now) {
  while (!by_deadline_.empty() && by_deadline_.begin()->first + limits_.skew <= now) {
    const auto oldest = by_deadline_.begin();
    const auto found = commands_.find(oldest->second);
    // What still runs past its deadline will be answered; nobody can ask for it again.
    drop_answer(found->second);
    commands_.erase(found);
    by_deadline_.erase(oldest);
  }
  while (!answered_.empty() && !commands_.contains(answered_.front()))
    answered_.pop_front();
}

void recent_commands::drop_answer(entry& e) {
  if (!e.kept)
    return;
  bytes_ -= e.reply.payload.size();
  e.reply.payload = {};
  e.kept = false;
}

recent_commands::verdict recent_commands::begin(const uuid& command, time_point deadline,
                                                time_point now) {
  forget_past(now);
  if (const auto found = commands_.find(command); found != commands_.end()) {
    // A repetition with a later deadline could be repeated until then.
    if (deadline > found->second.place->first && deadline <= now + limits_.deadline_max) {
      by_deadline_.erase(found->second.place);
      found->second.place = by_deadline_.emplace(deadline, command);
    }
    return found->second.running ? verdict::running : verdict::finished;
  }
  if (deadline > now + limits_.deadline_max)
    return verdict::too_far;
  if (commands_.size() >= limits_.commands_max)
    return verdict::full;
  entry e;
  e.place = by_deadline_.emplace(deadline, command);
  commands_.emplace(command, std::move(e));
  return verdict::begin;
}

command_reply recent_commands::answer(const uuid& command) const {
  const auto found = commands_.find(command);
  if (found == commands_.end() || found->second.running)
    return {};
  if (!found->second.kept)
    return {reply_code::forgotten, found->second.reply.epoch, {}};
  return found->second.reply;
}

void recent_commands::finished(const uuid& command, const command_reply& reply) {
  const auto found = commands_.find(command);
  if (found == commands_.end() || !found->second.running)
    return;
  auto& e = found->second;
  e.running = false;
  e.reply.code = reply.code;
  e.reply.epoch = reply.epoch;
  const auto size = reply.payload.size();
  if (size > limits_.bytes_max)
    return;
  while (bytes_ + size > limits_.bytes_max && !answered_.empty()) {
    if (const auto oldest = commands_.find(answered_.front()); oldest != commands_.end())
      drop_answer(oldest->second);
    answered_.pop_front();
  }
  e.reply.payload = reply.payload;
  e.kept = true;
  bytes_ += size;
  answered_.push_back(command);
}

void recent_commands::again(const uuid& command) {
  const auto found = commands_.find(command);
  if (found == commands_.end() || found->second.running)
    return;
  drop_answer(found->second);
  found->second.running = true;
}

void recent_commands::not_applied(const uuid& command) {
  const auto found = commands_.find(command);
  if (found == commands_.end() || !found->second.running)
    return;
  by_deadline_.erase(found->second.place);
  commands_.erase(found);
}

} // namespace tiketi::cluster
