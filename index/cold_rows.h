#pragma once
// ColdRows: reading scattered rows of a column that lives in a file. What is in the page cache costs nothing to speak of; what is
// not costs a wait for the disk, row after row, unless all pages are asked for first, in one call to the kernel. That call costs
// some microseconds even when all pages are there, so it is made only while reads of this column have met cold pages lately: the
// thread's count of major faults tells, and is looked at now and then. Any thread.

#include <cstddef>
#include <span>

#include "index/index_config.h"
#include "index/row_column.h"

namespace orthant {

// For the time in which one thread reads `rows` of the column. Does nothing for columns in memory.
class ColdRows {
 public:
  ColdRows(const RowColumn& column, std::span<const Ordinal> rows);
  ~ColdRows();
  ColdRows(const ColdRows&) = delete;
  ColdRows& operator=(const ColdRows&) = delete;

 private:
  const RowColumn& column_;
  const bool in_file_;
  long faults_before_ = 0;
};

// Asks the kernel to read the pages of these rows, all at once. True when it took the request.
bool read_ahead(const RowColumn& column, std::span<const Ordinal> rows);

}  // namespace orthant
