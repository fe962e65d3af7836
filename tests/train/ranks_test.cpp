// How work is dealt to ranks, and what the ranks of a job of one agree on. More ranks than one need
// mpirun: tests/mpi.
#include "hooked/train/ranks.hpp"

#include "catch.hpp"
#include "io/scratch.hpp"

using namespace hooked;
using scratch::error_of;

namespace {

/// Where the share of each rank begins, and the end.
std::vector<Index> begins(Index count, Index unit, int size) {
  const Shares shares(count, unit, size, 0);
  std::vector<Index> begins;
  for (int r = 0; r < size; ++r) begins.push_back(shares.begin(r));
  begins.push_back(shares.end(size - 1));
  return begins;
}

}  // namespace

TEST_CASE("Shares are contiguous and as even as can be", "[train]") {
  CHECK(begins(8, 1, 1) == std::vector<Index>{0, 8});
  CHECK(begins(8, 1, 2) == std::vector<Index>{0, 4, 8});
  CHECK(begins(8, 1, 3) == std::vector<Index>{0, 3, 6, 8});
  CHECK(begins(5, 1, 4) == std::vector<Index>{0, 2, 3, 4, 5});
  CHECK(begins(1, 1, 3) == std::vector<Index>{0, 1, 1, 1});
  CHECK(begins(2, 1, 4) == std::vector<Index>{0, 1, 1, 2, 2});
  CHECK(begins(0, 1, 2) == std::vector<Index>{0, 0, 0});
}

TEST_CASE("A unit is never divided, and the last may be smaller", "[train]") {
  CHECK(begins(10, 4, 2) == std::vector<Index>{0, 8, 10});
  CHECK(begins(10, 4, 3) == std::vector<Index>{0, 4, 8, 10});
  CHECK(begins(10, 10, 3) == std::vector<Index>{0, 10, 10, 10});
}

TEST_CASE("Every element has one owner", "[train]") {
  for (const int size : {1, 2, 3, 4, 7}) {
    for (const Index count : {1, 2, 5, 6, 20}) {
      const Shares shares(count, 1, size, size - 1);
      CHECK(shares.begin() == shares.begin(size - 1));
      CHECK(shares.count() == shares.end() - shares.begin());
      for (Index i = 0; i < count; ++i) {
        const int owner = shares.owner(i);
        CAPTURE(size, count, i, owner);
        REQUIRE((owner >= 0 && owner < size));
        CHECK((shares.begin(owner) <= i && i < shares.end(owner)));
      }
    }
  }
}

TEST_CASE("MPI cannot count to more than 2^31 - 1, one rank can", "[train]") {
  const Index many = Index{1} << 31;
  CHECK(Shares(many, 1, 1, 0).end() == many);
  CHECK(error_of<ConfigError>([&] { Shares(many, 1, 2, 0); }) ==
        "2147483648 numbers are too many to be spread over ranks: the most is 2^31-1");
}

TEST_CASE("A rank that is alone agrees with itself", "[train]") {
  const Ranks& ranks = Ranks::alone();
  CHECK(ranks.rank() == 0);
  CHECK(ranks.size() == 1);
  CHECK(ranks.is_first());
  CHECK(ranks.threads(0) == 0);  // all processors
  CHECK(ranks.threads(3) == 3);
  CHECK(ranks.agree([] { return true; }));
  CHECK(!ranks.agree([] { return false; }));
  CHECK(ranks.agree([] {}));
  CHECK(ranks.together([] { return 7; }) == 7);
  const auto fails = [] { fail<NumericError>("no number"); };
  CHECK(error_of<NumericError>([&] { ranks.agree(fails); }) == "no number");
  CHECK(error_of<NumericError>([&] { ranks.together(fails); }) == "no number");
  ranks.check_same("the weights", 5);
  double numbers[] = {1.0, 2.0};
  ranks.gather(numbers, ranks.share(2));
  CHECK((numbers[0] == 1.0 && numbers[1] == 2.0));
}
