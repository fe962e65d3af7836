// Texts and tokens of the study of two tasks in one model.
#include "../../examples/add_concat/text.hpp"

#include "catch.hpp"
#include "core/check.hpp"

using namespace add_concat;

namespace {

/// Pieces with bars between them, padding left out.
std::string pieces(std::string_view text) {
  std::string all;
  for (const Token token : tokenise(text)) {
    if (token != kPadding) all += (all.empty() ? "" : "|") + piece(token);
  }
  return all;
}

}  // namespace

TEST_CASE("Maximal munch takes the longest number that is a token", "[add_concat]") {
  CHECK(pieces("B7+8E") == "B|7|+|8|E");
  CHECK(pieces("B123E") == "B|123|E");     // 1C23
  CHECK(pieces("B1423E") == "B|142|3|E");  // 14C23
  CHECK(pieces("B4723E") == "B|47|23|E");  // 47C23: 472 is no token
  CHECK(pieces("B05E") == "B|0|5|E");      // 0C5
  CHECK(pieces("B198E") == "B|198|E");
  CHECK(pieces("B199E") == "B|19|9|E");
  CHECK(pieces("B1980E") == "B|198|0|E");
  CHECK(pieces("B100E") == "B|100|E");  // 10C0, and 1C00 if that were
  CHECK(pieces("B9999E") == "B|99|99|E");
  CHECK(tokenise("B0E") == std::vector<Token>{1, 5, 2, 0, 0, 0, 0, 0});
  CHECK(tokenise("BCE+") == std::vector<Token>{1, 3, 2, 4, 0, 0, 0, 0});
  CHECK(tokenise("") == std::vector<Token>(8, 0));
}

TEST_CASE("All prompts and answers fit, and come back as they were", "[add_concat]") {
  for (const Task task : {Task::add, Task::concatenate}) {
    for (Index i = 0; i < kNumbers; ++i) {
      for (Index j = 0; j < kNumbers; ++j) {
        REQUIRE(text_of(tokenise(prompt(task, i, j))) == prompt(task, i, j));
        REQUIRE(text_of(tokenise(answer(task, i, j))) == answer(task, i, j));
      }
    }
  }
  CHECK(prompt(Task::concatenate, 14, 23) == "B14C23E");
  CHECK(answer(Task::concatenate, 0, 5) == "B05E");
  CHECK(answer(Task::add, 99, 99) == "B198E");
}

TEST_CASE("Other characters and long texts are refused", "[add_concat]") {
  CHECK(error_of<hooked::FormatError>([] { tokenise("B7-8E"); }) ==
        "\"B7-8E\": no token has the character '-' at place 2; they are B, E, C, +, the space and "
        "digits");
  CHECK(error_of<hooked::FormatError>([] { tokenise("B1+2+3+4E"); }) ==
        "\"B1+2+3+4E\" has 9 tokens, the most is 8");
  CHECK(error_of<hooked::ShapeError>([] { piece(204); }) ==
        "there is no token 204, they are 0 to 203");
}
