#pragma once
// FileUpload: one file on its way into one collection of a daemon, in batches: what is done is known, so that a run that was cut
// short goes on there; what is refused is shown; progress is drawn. `ingest` and `import` read the file and fill the batches. Owns
// its state and the connections; one thread at a time.
//
// Who knows what is done: of lines the daemon, which notes them down in the same write as their points (an operation, see
// docs/http_api.md); of rows of vectors this program, in a file (ingest_state.h).

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/cli/batch_uploader.h"
#include "api/cli/daemon.h"
#include "api/cli/ingest_state.h"
#include "api/cli/progress.h"

namespace orthant {

class FileUpload {
 public:
  // How the file's parts are called: "document", "line"; "vector", "row". `mark` stands between the file's name and a place's
  // number.
  struct Words {
    std::string_view thing;
    std::string_view place;
    std::string_view mark;
  };
  FileUpload(std::string file, Words words);

  // Takes up the state of an earlier run of the same content to the same target, unless `restart`, and connects. `target` names
  // what makes the result another one: the collection, and how the file is read. `query` as BatchUploader has it.
  Status start(std::string_view url, std::string_view collection, std::string_view target, bool restart,
               std::string_view query = {});

  // The same by an operation of the daemon, named by a digest of the file. One that came to its end, or `restart`: a new one.
  Status start_operation(std::string_view url, const std::string& collection, bool restart);

  // Lines or rows up to this one were answered for by an earlier run.
  std::uint64_t resumed_from() const { return resumed_from_; }
  // How much of the file was read, of 1.
  void set_share(double share) { share_ = share; }
  // Shows an earlier run's part as done.
  void show_resumed() { progress_.start_from(state_.accepted, share_); }

  // `answered` is called once a batch, in their order.
  Status send(DocumentBatch batch, std::function<void()> answered = {});
  Status wait_for_all();

  // A place that this program could not read. `shown`: an earlier run has not printed it.
  void refuse(std::uint64_t place, std::string_view reason, bool shown = true);

  // Tells the daemon that nothing comes behind `last_line`, and takes over what it counted. After wait_for_all().
  Status finish_operation(std::uint64_t last_line);

  // Ends the run: on an error says where it stopped, else forgets the state and prints what came of it. `remark` is printed after
  // the first line. True when nothing was refused.
  Result<bool> finish(const Status& sent, std::string_view remark = {});

 private:
  Status take_answer(const BatchAnswer& answer);
  void show_refusal(std::uint64_t place, std::string_view reason);

  const std::string file_;
  const Words words_;
  Progress progress_;
  std::filesystem::path state_file_;  // empty: the daemon knows
  std::string operation_target_;      // "/collections/{c}/documents?operation=NAME"
  std::optional<Daemon> daemon_;      // of an operation
  IngestState state_;
  std::optional<BatchUploader> uploader_;
  std::deque<std::function<void()>> answered_;
  std::uint64_t resumed_from_ = 0;
  std::uint64_t refused_here_ = 0;
  std::uint64_t shown_ = 0;
  double share_ = 0;
};

}  // namespace orthant
