#pragma once
// QualityFlights: the measurements of one collection that are under way, and the last result of each vector. Any thread. Private to
// engine/collection.
//
// A measurement runs in pieces of some milliseconds, each a task of the search pool behind whatever waits there, so that searches
// go first. Who asks for what is being measured waits for the same result.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "engine/collection/measured_quality.h"
#include "engine/storage/stored_table.h"

namespace orthant {

class QualityFlights {
 public:
  using Answer = std::shared_ptr<const MeasuredQuality>;
  using Done = std::move_only_function<void(Result<Answer>)>;

  // The last result of the slot; null when there is none.
  Answer kept(Slot slot) const;

  // `done` waits for the slot's next result. True: nobody measures it yet, so the caller does, and answers with finish().
  bool wait(Slot slot, Done done);
  // Keeps a good result and answers all that wait.
  void finish(Slot slot, Result<Answer> result);

  // One ranking of given queries at a time: true when it may run, and end_ranking() must follow.
  bool begin_ranking();
  void end_ranking();

 private:
  struct Flight {
    std::vector<Done> waiting;
    bool under_way = false;
    Answer last;
  };
  mutable std::mutex mutex_;
  std::map<Slot, Flight> flights_;  // guarded by mutex_
  bool ranking_ = false;            // guarded by mutex_
};

}  // namespace orthant
