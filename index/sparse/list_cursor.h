#pragma once
// ListCursor: one list of a sparse search, read from front to back, in windows of rows. One thread.

#include <algorithm>
#include <cstddef>
#include <utility>

#include "index/sparse/posting_lists.h"

namespace orthant {

class ListCursor {
 public:
  // Posts of rows from `row_count` on are left out.
  ListCursor(PostingView view, double weight, Ordinal row_count) : view_(std::move(view)), weight_(weight) {
    std::size_t count = view_.posts.size();
    while (count > 0 && view_.posts[count - 1].ordinal >= row_count) --count;
    view_.posts = view_.posts.first(count);
  }

  double weight() const { return weight_; }
  std::size_t size() const { return view_.posts.size(); }
  bool at_end() const { return position_ == view_.posts.size(); }
  Ordinal ordinal() const { return view_.posts[position_].ordinal; }
  double contribution() const { return weight_ * view_.posts[position_].value; }

  // Passes over everything below `ordinal`.
  void skip_to(Ordinal ordinal) { position_ = first_not_below(position_, view_.posts.size(), ordinal); }

  // The posts below `end` from here on become the window's.
  void enter_window(Ordinal end) { window_end_ = first_not_below(position_, view_.posts.size(), end); }
  std::span<const Post> window() const { return view_.posts.subspan(position_, window_end_ - position_); }
  void leave_window() { position_ = window_end_; }

  // The most that this list can add to the score of a row of the window; found out by measure_window().
  double most_in_window() const { return most_in_window_; }
  void measure_window() {
    most_in_window_ = 0;
    if (position_ == window_end_) return;
    for (std::size_t block = position_ / kPostsPerBlock; block * kPostsPerBlock < window_end_; ++block) {
      most_in_window_ = std::max(most_in_window_, bound_of(block < view_.blocks.size() ? view_.blocks[block] : view_.range));
    }
  }

  // The contribution to a row of the window, 0 where it is not in the list. Rows are asked for in ascending order.
  double find(Ordinal ordinal) {
    position_ = first_not_below(position_, window_end_, ordinal);
    const bool found = position_ < window_end_ && view_.posts[position_].ordinal == ordinal;
    return found ? weight_ * view_.posts[position_].value : 0;
  }

 private:
  double bound_of(const ValueRange& range) const { return std::max({0.0, weight_ * range.largest, weight_ * range.smallest}); }

  // Gallops: steps double until they have passed, then halves. Most answers lie near.
  std::size_t first_not_below(std::size_t from, std::size_t to, Ordinal ordinal) const {
    const Post* posts = view_.posts.data();
    if (from >= to || posts[from].ordinal >= ordinal) return from;
    std::size_t low = from;  // below `ordinal`
    std::size_t step = 1;
    while (low + step < to && posts[low + step].ordinal < ordinal) {
      low += step;
      step *= 2;
    }
    std::size_t high = std::min(to, low + step);  // not below, or the end
    while (high - low > 1) {
      const std::size_t middle = low + (high - low) / 2;
      (posts[middle].ordinal < ordinal ? low : high) = middle;
    }
    return high;
  }

  PostingView view_;
  double weight_;
  double most_in_window_ = 0;
  std::size_t position_ = 0;
  std::size_t window_end_ = 0;
};

}  // namespace orthant
