#pragma once
// Published: a value that one builder replaces while any number of readers use it. Readers take no lock: they count themselves in
// and out. The builder waits until nobody uses the replaced value any more, then frees it; new readers do not prolong the wait.
// (The scheme of sleepable read-copy-update with a generation counter, of which only the lowest bit chooses the count.)

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace orthant {

template <typename T>
class Published {
 public:
  // The value as it was when this was made, for as long as this lives.
  class Use {
   public:
    explicit Use(const Published& owner) : owner_(owner) {
      // Sequentially consistent on both sides: a reader whose generation still stands after it was counted is seen by the builder
      // that ends the generation. One that comes too late counts itself out again.
      for (;;) {
        generation_ = owner_.generation_.load(std::memory_order_seq_cst);
        owner_.count(generation_).fetch_add(1, std::memory_order_seq_cst);
        if (owner_.generation_.load(std::memory_order_seq_cst) == generation_) break;
        leave();
      }
      value_ = owner_.current_.load(std::memory_order_seq_cst);
    }
    ~Use() { leave(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_; }

   private:
    void leave() const {
      std::atomic<std::size_t>& users = owner_.count(generation_);
      if (users.fetch_sub(1, std::memory_order_seq_cst) == 1) users.notify_all();
    }

    const Published& owner_;
    std::uint64_t generation_ = 0;
    const T* value_ = nullptr;
  };

  explicit Published(std::unique_ptr<const T> first) : owned_(std::move(first)) { current_.store(owned_.get()); }

  // Any thread.
  Use use() const { return Use(*this); }

  // The rest is the builder's.
  const T& latest() const { return *owned_; }
  void replace(std::unique_ptr<const T> next) {
    current_.store(next.get(), std::memory_order_seq_cst);
    const std::uint64_t ended = generation_.fetch_add(1, std::memory_order_seq_cst);
    std::atomic<std::size_t>& users = count(ended);
    for (std::size_t left = users.load(std::memory_order_seq_cst); left != 0; left = users.load(std::memory_order_seq_cst)) {
      users.wait(left, std::memory_order_seq_cst);
    }
    owned_ = std::move(next);
  }

 private:
  std::atomic<std::size_t>& count(std::uint64_t generation) const { return users_[generation % 2]; }

  std::unique_ptr<const T> owned_;
  std::atomic<const T*> current_{nullptr};
  std::atomic<std::uint64_t> generation_{0};
  mutable std::array<std::atomic<std::size_t>, 2> users_{};
};

}  // namespace orthant
