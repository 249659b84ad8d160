#pragma once
// Makes collections that a command finds missing. Prints what it made on standard error. Free functions.

#include <cstddef>
#include <string>

#include "api/cli/daemon.h"
#include "base/result.h"
#include "index/index_config.h"

namespace orthant {

// For the embeddings of the daemon's first model.
Status create_text_collection(Daemon& daemon, const std::string& name);

// For vectors that come from elsewhere; `vector_name` may be empty.
Status create_vector_collection(Daemon& daemon, const std::string& name, const std::string& vector_name, const IndexConfig& config);

}  // namespace orthant
