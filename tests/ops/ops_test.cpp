// Walks the list of all ops: gradients and rules (heap calls too), and the mutants of each.
#include "hooked/ops/ops.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "catch.hpp"
#include "hooked/io/file.hpp"
#include "hooked/testing/check_mutants.hpp"

using namespace hooked;
using namespace hooked::testing;

namespace {

struct Listed {
  AnyOp<double> op;
  AnyOp<float> op_float;
};

template <Op... O>
std::vector<Listed> list(const std::tuple<O...>*) {
  return {{any_op<O, double>(), any_op<O, float>()}...};
}

const std::vector<Listed>& all_ops() {
  static const auto ops = list(static_cast<const AllOps*>(nullptr));
  return ops;
}

}  // namespace

TEST_CASE("Every op has the gradient that central differences say, and keeps the rules") {
  for (const auto& [op, op_float] : all_ops()) {
    const GradReport report = check_op(op, op_float);
    INFO(op.name << ": " << report.summary());
    CHECK(report.ok());
    CHECK(report.max_error < 1e-8);
  }
}

TEST_CASE("The checker rejects every mutant of every op", "[mutants]") {
  int tried = 0, rejected = 0, equivalent = 0;
  for (const auto& [op, op_float] : all_ops()) {
    const MutationReport report = check_mutants(op, op_float);
    CHECK(report.survivors == std::vector<std::string>{});
    CHECK(report.false_alarms == std::vector<std::string>{});
    CHECK(report.rejected > report.equivalent);
    tried += report.tried;
    rejected += report.rejected;
    equivalent += report.equivalent;
  }
  CHECK(tried > 1000);
  CHECK(rejected + equivalent == tried);
  WARN(tried << " mutants of " << all_ops().size() << " ops: " << rejected << " rejected, "
             << equivalent << " that do nothing else than the op, 0 survived");
}

TEST_CASE("Every op of ours has another name") {
  std::vector<std::string> names;
  for (const Listed& listed : all_ops()) names.push_back(listed.op.name);
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("Every op in ops/ is in the list of all ops") {
  const auto folder =
      std::filesystem::path(HOOKED_TESTS_DIR).parent_path() / "include" / "hooked" / "ops";
  std::string list = read_file(folder / "ops.hpp");
  list = list.substr(list.find("define HOOKED_OPS"));
  std::replace_if(
      list.begin(), list.end(),
      [](char c) { return std::string_view("()<>\n").find(c) != std::string_view::npos; }, ' ');
  int found = 0;
  const auto check = [&](const std::string& name) {
    INFO(name);
    CHECK(list.find(" " + name + " ") != list.npos);
    ++found;
  };
  // An op is a struct with `inputs`, or a function in a frame: `using Relu = Pointwise<...>`.
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    const std::string stem = file.path().stem().string();
    // What an op is, and the frames.
    if (stem == "op" || stem == "pointwise" || stem == "elementwise" || stem == "threshold")
      continue;
    std::istringstream source(read_file(file.path()));
    std::string line, type, name;
    while (std::getline(source, line)) {
      std::istringstream words(line);
      words >> type;
      if (type == "struct" || type == "using") words >> name;
      if (line.find(" static constexpr int inputs") != line.npos) check(name);
      if (type == "using" &&
          (line.find("= Pointwise<") != line.npos || line.find("= Elementwise<") != line.npos ||
           line.find("= Threshold<") != line.npos)) {
        check(name);
      }
    }
  }
  CHECK(found == 56);
}
