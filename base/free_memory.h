#pragma once
// Memory that was freed and that the heap keeps. Long work in the background leaves tens of megabytes of it (calibrating an index
// of 499,000 rows: 19), which nothing else would give back. Any thread; some milliseconds, in which other threads may wait to
// allocate.

namespace orthant {

void give_back_free_memory();

}  // namespace orthant
