#include "hooked/io/file.hpp"

#include <signal.h>
#include <sys/resource.h>

#include "catch.hpp"
#include "hooked/io/json.hpp"
#include "io/scratch.hpp"

using namespace hooked;
using scratch::error_of;

TEST_CASE("a file holds what was written, whatever the bytes", "[io]") {
  const scratch::Directory directory;
  const std::string bytes("a\0\xff\n", 4), large(300'000, 'x');
  write_file(directory / "x", bytes);
  CHECK(read_file(directory / "x") == bytes);
  write_file(directory / "x", large);
  CHECK(read_file(directory / "x") == large);
  write_file(directory / "x", "");
  CHECK(read_file(directory / "x").empty());
  CHECK(directory.files() == 1);
}

TEST_CASE("a file that cannot be read is an error with path and reason", "[io]") {
  const scratch::Directory directory;
  const auto reading = [&](const std::filesystem::path& path) {
    return error_of([&] { read_file(path); });
  };
  const std::string missing = (directory / "missing").string();
  CHECK(reading(missing) == missing + ": cannot be read: No such file or directory");
  const std::string own = directory.path().string();
  CHECK(reading(own) == own + ": cannot be read: Is a directory");
}

TEST_CASE("a path that cannot be written is an error with path and reason", "[io]") {
  const scratch::Directory directory;
  const auto writing = [](const std::filesystem::path& path) {
    return error_of([&] { write_file(path, "x"); });
  };
  const std::string no_parent = (directory / "missing/x").string();
  CHECK(writing(no_parent) == no_parent + ": cannot be written: No such file or directory");

  write_file(directory / "file", "old");
  const std::string parent_is_file = (directory / "file/x").string();
  CHECK(writing(parent_is_file) == parent_is_file + ": cannot be written: Not a directory");

  const std::string own = directory.path().string();
  CHECK(writing(own) == own + ": cannot be written: it is a directory");
  CHECK(writing("/dev/null") == "/dev/null: cannot be written: it is not a file");

  CHECK(read_file(directory / "file") == "old");
  CHECK(directory.files() == 1);
}

TEST_CASE("a write that fails half way leaves the old file and nothing else", "[io]") {
  const scratch::Directory directory;
  const auto path = directory / "file";
  write_file(path, "old");

  // A limit on the size of files stands in for a full disk; it binds root too.
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string at_once = error_of([&] { write_file(path, std::string(100'000, 'x')); });
  const std::string at_flush = error_of([&] { write_file(path, std::string(1'001, 'x')); });
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  signal(SIGXFSZ, handler);

  CHECK(at_once == path.string() + ": cannot be written: File too large");
  CHECK(at_flush == path.string() + ": cannot be written: File too large");
  CHECK(read_file(path) == "old");
  CHECK(directory.files() == 1);
}

TEST_CASE("a rename that fails leaves no temporary file", "[io]") {
  const scratch::Directory directory;
  const auto path = directory / "file";
  const std::string message = error_of([&] {
    FileWriter file(path);
    file.write("new");
    std::filesystem::create_directory(path);
    CHECK(directory.files() == 2);
    file.commit();
  });
  CHECK(message == path.string() + ": cannot be written: Is a directory");
  CHECK(directory.files() == 1);
}

TEST_CASE("without a commit the old file stays", "[io]") {
  const scratch::Directory directory;
  write_file(directory / "file", "old");
  {
    FileWriter file(directory / "file");
    file.write("new");
    CHECK(directory.files() == 2);
  }
  CHECK(read_file(directory / "file") == "old");
  CHECK(directory.files() == 1);
}

TEST_CASE("two writers of one path do not meet: the last commit stays", "[io]") {
  const scratch::Directory directory;
  FileWriter first(directory / "file"), second(directory / "file");
  first.write("first");
  second.write("second");
  second.commit();
  CHECK(read_file(directory / "file") == "second");
  first.commit();
  CHECK(read_file(directory / "file") == "first");
  CHECK(directory.files() == 1);
}

TEST_CASE("JSON is written with two spaces and read back", "[io]") {
  const scratch::Directory directory;
  const nlohmann::ordered_json value{{"n_layers", 2}, {"act_fn", "relu"}, {"betas", {0.9, 0.98}}};
  save_json(directory / "config.json", value);
  CHECK(read_file(directory / "config.json") ==
        "{\n  \"n_layers\": 2,\n  \"act_fn\": \"relu\",\n  \"betas\": [\n    0.9,\n    0.98\n  "
        "]\n}\n");
  CHECK(load_json(directory / "config.json") == nlohmann::ordered_json(value));
}

TEST_CASE("a double goes through JSON without losing a bit", "[io]") {
  const scratch::Directory directory;
  const nlohmann::ordered_json value{0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0};
  save_json(directory / "x.json", value);
  CHECK(load_json(directory / "x.json").dump() == value.dump());
  CHECK(load_json(directory / "x.json") == value);
}

TEST_CASE("what is not JSON is an error with its place", "[io]") {
  const auto parsing = [](const std::string& bytes) {
    return error_of([&] { parse_json(bytes, "c.json"); });
  };
  CHECK(parsing("{\"a\": 1,}") ==
        "c.json: not JSON at byte 9: parse error at line 1, column 9: syntax error while parsing "
        "object key - unexpected '}'; expected string literal");
  CHECK(parsing("").starts_with("c.json: not JSON at byte 1: "));
  CHECK(parsing("{} {}").starts_with("c.json: not JSON at byte 4: "));
  CHECK(parsing("[1, // one\n2]").starts_with("c.json: not JSON at byte 5: "));
  CHECK(parsing("[\"\xff\"]").starts_with("c.json: not JSON at byte 3: "));
  CHECK(parsing("[NaN]").starts_with("c.json: not JSON at byte 2: "));
  CHECK(parsing("[1e999]") == "c.json: not JSON: number overflow parsing '1e999'");
  CHECK(parsing("{\"a\": {\"b\": 1, \"b\": 1}}") ==
        "c.json: the key \"b\" appears twice in one object");
  CHECK(parse_json("{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 2}]}}", "c.json").size() == 1);
  CHECK(parsing(std::string(1'000'000, '[')) == "c.json: JSON nested deeper than 64 levels");
  CHECK(parse_json(std::string(64, '[') + std::string(64, ']'), "c.json").is_array());

  const scratch::Directory directory;
  const std::string missing = (directory / "c.json").string();
  CHECK(error_of([&] { load_json(missing); }) ==
        missing + ": cannot be read: No such file or directory");
}

TEST_CASE("JSON with a string that is not UTF-8 is not written", "[io]") {
  const scratch::Directory directory;
  const auto path = directory / "x.json";
  CHECK(error_of([&] {
          save_json(path, nlohmann::ordered_json{{"a", "\xff"}});
        }) == path.string() + ": cannot be written: a string in it is not UTF-8");
  CHECK(directory.files() == 0);
}

TEST_CASE("damaged JSON is parsed or refused", "[io]") {
  const std::string valid =
      nlohmann::ordered_json{{"a", {1, -2.5, true, nullptr}}, {"b", {{"c", "d"}}}}.dump();
  scratch::fuzz(valid, 5'000, [](const std::string& bytes) { parse_json(bytes, "x"); });
}
