#pragma once

#include "storage/ticket_store.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tiketi::ticket {

struct get_seat_changes;
struct seat_changes;
struct seat_map_update;

/// The body of `GET /api/seats/events/{id}`, serialised once. Every status value has the same
/// width (blanks behind the shorter words, outside the quotes), so a seat's change patches bytes in
/// place. Readers share the body of the last `publish`; a body that no reader holds any more is
/// brought up to date by its missing patches alone, so 20,000 seats are copied only while readers
/// are slow. One thread; the bodies may be dropped by any.
class seat_map {
public:
  seat_map() = default;

  /// `nonce` sets the entity tags of this activation apart from those of earlier ones. Throws
  /// nothing; a layout that is no JSON counts as none.
  seat_map(const event_row& event, const std::vector<seat_row>& seats, std::uint64_t nonce);

  /// A copy on another node, from all of its owner's `frame` and the version of the first part of
  /// it. Nothing: this is no seat map.
  static std::optional<seat_map> from_frame(std::string frame, std::size_t seats_at,
                                            std::string_view version);

  /// For a copy of `since` that has the first `have` bytes of the frame, or all with 0: what it
  /// lacks, of which a part of a frame is `part_max` bytes at most.
  seat_map_update update_for(std::string_view since, std::size_t have, std::size_t part_max) const;

  /// Becomes what the owner was at this update: the same bytes under the same version, with the
  /// same changes remembered. False, and nothing changes: it does not go on from `version`.
  bool follow(const seat_map_update& update);

  /// `index` as in the vector given to the constructor. Seen by the next `publish`.
  void set(std::size_t index, seat_status status);

  /// The body with all changes so far: the same object as before when nothing changed.
  seat_map_view publish();

  /// The entity tag of the next `publish`, without its quotes.
  std::string version() const;

  /// Seats that changed after `version`, each once, by index; nothing where that is not known: a
  /// version of another activation, one too long ago, or none at all.
  std::optional<std::vector<std::size_t>> changed_since(std::string_view version) const;

  seat_status status(std::size_t index) const { return statuses_[index]; }
  std::size_t seats() const noexcept { return statuses_.size(); }
  seat_id id(std::size_t index) const;

  /// Bodies that were copied as a whole, for tests and metrics.
  std::uint64_t copies() const noexcept { return copies_; }

private:
  struct buffer {
    std::string bytes;
    std::uint64_t change = 0; ///< position in `changes_` up to which it is patched
  };
  struct pool {
    std::mutex mutex;
    std::vector<std::unique_ptr<buffer>> free;
  };

  void write(std::string& bytes, std::size_t index) const;
  std::optional<std::uint64_t> number_of(std::string_view version) const;
  void remember(std::size_t index);

  std::string first_;                 ///< the body with every status as `statuses_` says
  std::size_t seats_at_ = 0;          ///< where the first seat begins
  std::vector<std::uint32_t> offset_; ///< of each seat's status value
  std::vector<seat_status> statuses_;
  std::vector<std::uint32_t> changes_; ///< seats in the order of their changes
  std::uint64_t base_ = 0;             ///< changes dropped from the front of `changes_`
  std::uint64_t nonce_ = 0;
  std::uint64_t copies_ = 0;
  std::uint64_t published_at_ = 0; ///< change number of `current_`
  seat_map_view current_;
  std::shared_ptr<pool> pool_ = std::make_shared<pool>();
};

/// What the map itself says to a query.
seat_changes answer(seat_map& map, const get_seat_changes& query);

} // namespace tiketi::ticket
