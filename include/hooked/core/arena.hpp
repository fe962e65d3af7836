// A bump allocator: a step's numbers live here and are all dropped by moving one pointer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "hooked/core/memory.hpp"

namespace hooked {

/// Grows by blocks, each twice the last. `reset()` keeps one block of the size that was needed, so
/// from the second equal step on nothing is taken from the heap. Every allocation starts on a
/// 64-byte boundary. Nothing stored here is ever destroyed, hence trivial types only.
class Arena {
 public:
  Arena() = default;
  Arena(Arena&& other) noexcept { swap(other); }
  Arena& operator=(Arena&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Arena() { free_blocks(); }

  /// Uninitialised room for `count` elements.
  template <class T>
  T* allocate(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>, "the arena destroys nothing");
    return static_cast<T*>(allocate_bytes(count * sizeof(T)));
  }
  /// One object.
  template <class T, class... Args>
  T* make(Args&&... args) {
    return new (allocate<T>(1)) T{std::forward<Args>(args)...};
  }

  /// Forgets everything. After growth, merges the blocks into one that holds all of it.
  void reset() {
    if (blocks_.size() > 1) {
      const std::size_t needed = high_water();
      free_blocks();
      add_block(needed);
    }
    used_before_ = 0;
    offset_ = 0;
  }

  /// A place to go back to.
  struct Mark {
    std::size_t blocks;       ///< how many there are
    std::size_t used_before;  ///< bytes in all but the last
    std::size_t offset;       ///< bytes in that one
  };
  /// Where the next allocation begins.
  Mark mark() const { return {blocks_.size(), used_before_, offset_}; }
  /// Forgets what was allocated since `mark`, which must be of now, after the last reset(). Of the
  /// blocks added since, the last and largest stays.
  void rewind(const Mark& mark) {
    if (blocks_.size() == mark.blocks) {
      offset_ = mark.offset;
      return;
    }
    for (std::size_t i = mark.blocks; i + 1 < blocks_.size(); ++i) {
      Memory::free(blocks_[i].data, blocks_[i].size);
    }
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(mark.blocks), blocks_.end() - 1);
    used_before_ = mark.used_before + mark.offset;
    offset_ = 0;
  }

  /// Bytes in use, and the most that have been in use since the last growth.
  std::size_t bytes_used() const { return used_before_ + offset_; }
  /// The most bytes that have been in use since the last growth.
  std::size_t high_water() const {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.size;
    return sum;
  }

 private:
  struct Block {
    std::byte* data;
    std::size_t size;
  };

  void* allocate_bytes(std::size_t bytes) {
    constexpr std::size_t kLine = Memory::kAlignment;
    bytes = (bytes + kLine - 1) / kLine * kLine;
    if (blocks_.empty() || offset_ + bytes > blocks_.back().size) {
      constexpr std::size_t kFirstBlock = std::size_t{1} << 16;
      const std::size_t grown = blocks_.empty() ? kFirstBlock : 2 * blocks_.back().size;
      used_before_ += offset_;
      add_block(std::max(bytes, grown));
    }
    void* start = blocks_.back().data + offset_;
    offset_ += bytes;
    return start;
  }
  void add_block(std::size_t size) {
    blocks_.push_back({static_cast<std::byte*>(Memory::allocate(size)), size});
    offset_ = 0;
  }
  void free_blocks() {
    for (const Block& block : blocks_) Memory::free(block.data, block.size);
    blocks_.clear();
  }
  void swap(Arena& other) noexcept {
    std::swap(blocks_, other.blocks_);
    std::swap(used_before_, other.used_before_);
    std::swap(offset_, other.offset_);
  }

  std::vector<Block> blocks_;
  std::size_t used_before_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace hooked
