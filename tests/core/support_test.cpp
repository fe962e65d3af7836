// error.hpp, names.hpp, arena.hpp
#include <cstdint>
#include <cstring>

#include "check.hpp"
#include "hooked/core/arena.hpp"
#include "hooked/core/names.hpp"

using namespace hooked;

TEST_CASE("fail joins its parts and throws the type that it is told", "[core][error]") {
  CHECK(text("a is ", Shape{2, 3}, ", b is ", 3) == "a is [2, 3], b is 3");
  CHECK(error_of<ShapeError>([] { fail<ShapeError>("axis ", 7); }) == "axis 7");
  CHECK_THROWS_AS(fail<NameError>("x"), NameError);
  CHECK_THROWS_AS(fail<ConfigError>("x"), Error);
  CHECK_THROWS_AS(fail<FormatError>("x"), std::runtime_error);
}

TEST_CASE("the edit distance counts insertions, deletions and substitutions", "[core][names]") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("hook_q", "hook_k") == 1);
  CHECK(edit_distance("flaw", "lawn") == 2);
}

TEST_CASE("the nearest names come first, and a name that contains the text is near",
          "[core][names]") {
  const std::vector<std::string> names{"hook_embed", "hook_pos_embed", "blocks.0.attn.hook_q",
                                       "blocks.0.attn.hook_pattern"};
  CHECK(nearest_names("hook_embd", names, 1) == "hook_embed");
  CHECK(nearest_names("hook_pos_embed", names, 2) == "hook_pos_embed, hook_embed");
  CHECK(nearest_names("pattern", names, 1) == "blocks.0.attn.hook_pattern");
  CHECK(nearest_names("x", {"a", "b", "c", "d"}) == "a, b, c");
  CHECK(nearest_names("x", {"a"}) == "a");
  CHECK(nearest_names("x", {}) == "");
}

TEST_CASE("a glob matches any run with * and one character with ?", "[core][names]") {
  CHECK(matches_glob("blocks.0.mlp.hook_post", "blocks.0.mlp.*"));
  CHECK(matches_glob("blocks.0.mlp.hook_post", "*.hook_p*t"));
  CHECK(matches_glob("blocks.0.mlp.hook_post", "blocks.?.mlp.hook_post"));
  CHECK(matches_glob("aXbXc", "a*b*c"));
  CHECK(matches_glob("mississippi", "m*iss*ip*"));
  CHECK(matches_glob("", "*"));
  CHECK(matches_glob("", ""));
  CHECK(matches_glob("abc", "***"));
  CHECK_FALSE(matches_glob("blocks.10.hook", "blocks.?.hook"));
  CHECK_FALSE(matches_glob("abc", "ab"));
  CHECK_FALSE(matches_glob("abc", "*b"));
  CHECK_FALSE(matches_glob("", "?"));
  CHECK_FALSE(matches_glob("abc", ""));
  CHECK_FALSE(matches_glob("xabax", "*aba*ba*"));
}

TEST_CASE("every allocation of an arena is aligned, and none overlaps another", "[core][arena]") {
  Arena arena;
  std::vector<std::pair<unsigned char*, std::size_t>> rooms;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::size_t bytes = (i * i * 37) % 5000;
    auto* room = arena.allocate<unsigned char>(bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(room) % Memory::kAlignment == 0);
    std::memset(room, static_cast<int>(i), bytes);
    rooms.emplace_back(room, bytes);
  }
  for (std::size_t i = 0; i < rooms.size(); ++i) {
    bool whole = true;
    for (std::size_t k = 0; k < rooms[i].second; ++k) whole = whole && rooms[i].first[k] == i;
    CHECK(whole);
  }
}

TEST_CASE("an arena that was reset serves the same step from one block", "[core][arena]") {
  Arena arena;
  const auto step = [&] {
    double* first = arena.allocate<double>(1000);
    for (int i = 0; i < 100; ++i) arena.allocate<double>(1000);
    return first;
  };
  step();
  CHECK(arena.bytes_used() == 101 * 8000);
  arena.reset();
  CHECK(arena.bytes_used() == 0);
  const std::size_t held = arena.high_water();
  CHECK(held >= 101 * 8000);
  double* const second = step();
  arena.reset();
  CHECK(step() == second);
  CHECK(arena.high_water() == held);
}

TEST_CASE("an arena that goes back to a mark keeps what lies before it", "[core][arena]") {
  Arena arena;
  int* const before = arena.allocate<int>(1);
  *before = 7;
  const Arena::Mark mark = arena.mark();
  int* const first = arena.allocate<int>(1);
  arena.rewind(mark);
  CHECK(arena.allocate<int>(1) == first);  // in the same block
  for (int times = 0; times < 3; ++times) {
    arena.rewind(mark);
    CHECK(arena.bytes_used() == 64);
    for (int i = 0; i < 100; ++i) {  // in several, of which one stays
      double* const room = arena.allocate<double>(1000);
      room[0] = room[999] = i;
    }
    CHECK(arena.bytes_used() == 64 + 100 * 8000);
  }
  const std::size_t held = arena.high_water();
  arena.rewind(mark);
  CHECK(arena.high_water() <= held);
  CHECK(*before == 7);
  arena.reset();
  CHECK(arena.bytes_used() == 0);
}

TEST_CASE("an arena can be moved, and makes objects", "[core][arena]") {
  struct Pair {
    int a;
    double b;
  };
  Arena arena;
  Pair* pair = arena.make<Pair>(3, 0.5);
  Arena other(std::move(arena));
  CHECK(pair->a == 3);
  CHECK(pair->b == 0.5);
  CHECK(other.bytes_used() == 64);
  Arena third;
  third = std::move(other);
  CHECK(third.bytes_used() == 64);
  CHECK(third.allocate<float>(0) != nullptr);
}
