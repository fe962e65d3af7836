#include "hooked/io/safetensors.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "catch.hpp"
#include "hooked/core/arithmetic.hpp"
#include "hooked/io/npz.hpp"
#include "io/python.hpp"
#include "io/scratch.hpp"

using namespace hooked;
using scratch::error_of;

namespace {

// The bytes of a file with this header and this many bytes of data.
std::string archive(const std::string& header, std::size_t data = 0) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data, '\0');
}

std::string opening(const std::string& bytes) {
  return error_of([&] { SafetensorsFile(bytes, "x"); });
}

template <class T>
bool same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  const auto bytes = [](const Tensor<T>& x) {
    return std::string_view(reinterpret_cast<const char*>(x.data()),
                            static_cast<std::size_t>(x.numel()) * sizeof(T));
  };
  return a.shape() == b.shape() && bytes(a) == bytes(b);
}

// Element i is made of the low bits of (i + 1) * 0x9E3779B97F4A7C15; interop.py has the same.
template <class T>
Tensor<T> pattern(const Shape& shape) {
  Tensor<T> x(shape);
  for (Index i = 0; i < x.numel(); ++i) {
    const std::uint64_t bits = static_cast<std::uint64_t>(i + 1) * 0x9E3779B97F4A7C15u;
    std::memcpy(x.data() + i, &bits, sizeof(T));
  }
  return x;
}

}  // namespace

TEST_CASE("a safetensors file is a length, a JSON header and the numbers", "[io]") {
  const scratch::Directory directory;
  const Tensor<float> b({2}, {1, 2});
  const Tensor<Token> a = Tensor<Token>::scalar(7);
  save_safetensors(directory / "x", {{"a", a}, {"b", b}}, {{"z", "last"}, {"act_fn", "\"relu\""}});
  const std::string header = R"({"__metadata__":{"act_fn":"\"relu\"","z":"last"},)"
                             R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                             R"("a":{"dtype":"I32","shape":[],"data_offsets":[8,12]}})";
  REQUIRE(header.size() == 155);  // and 5 spaces, so that the numbers begin at a multiple of 8
  CHECK(read_file(directory / "x") == std::string("\xa0\0\0\0\0\0\0\0", 8) + header + "     " +
                                          std::string("\0\0\x80\x3f\0\0\0\x40\7\0\0\0", 12));
}

TEST_CASE("a file without tensors is a padded empty header", "[io]") {
  const scratch::Directory directory;
  save_safetensors(directory / "x", {});
  CHECK(read_file(directory / "x") == std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  CHECK(SafetensorsFile(directory / "x").names().empty());
}

TEST_CASE("the order of the tensors does not change the bytes", "[io]") {
  const scratch::Directory directory;
  const Tensor<float> a({2}, {1, 2}), b({1}, {3});
  save_safetensors(directory / "x", {{"a", a}, {"b", b}});
  save_safetensors(directory / "y", {{"b", b}, {"a", a}});
  CHECK(read_file(directory / "x") == read_file(directory / "y"));
}

TEMPLATE_TEST_CASE("a tensor goes through safetensors without losing a bit", "[io]", float, double,
                   std::int32_t, std::int64_t, std::uint8_t) {
  const scratch::Directory directory;
  const Tensor<TestType> x = pattern<TestType>({2, 3, 4}), scalar = pattern<TestType>({}),
                         empty = pattern<TestType>({3, 0}),
                         wide = pattern<TestType>({2, 1, 1, 1, 1, 2});
  save_safetensors(directory / "x", {{"x", x},
                                     {"turned", x.permute({2, 0, 1})},
                                     {"part", x.slice(2, 1, 4, 2)},
                                     {"wider", x.select(0, 0).broadcast({2, 3, 4})},
                                     {"scalar", scalar},
                                     {"empty", empty},
                                     {"wide", wide}});
  const SafetensorsFile file(directory / "x");
  CHECK(same_bits(file.read<TestType>("x"), x));
  CHECK(same_bits(file.read<TestType>("turned"), Tensor<TestType>(x.permute({2, 0, 1}))));
  CHECK(same_bits(file.read<TestType>("part"), Tensor<TestType>(x.slice(2, 1, 4, 2))));
  CHECK(same_bits(file.read<TestType>("wider"),
                  Tensor<TestType>(x.select(0, 0).broadcast({2, 3, 4}))));
  CHECK(same_bits(file.read<TestType>("scalar"), scalar));
  CHECK(same_bits(file.read<TestType>("empty"), empty));
  CHECK(same_bits(file.read<TestType>("wide"), wide));
}

TEST_CASE("tensors are read into views of any strides, and row after row", "[io]") {
  const scratch::Directory directory;
  const Tensor<double> x = pattern<double>({700, 3, 200});  // more than is read at a time
  const Tensor<float> y = pattern<float>({4, 2});
  const Tensor<float> scalar = pattern<float>({});
  save_safetensors(directory / "x", {{"x", x}, {"y", y}, {"scalar", scalar}});
  const SafetensorsFile file(directory / "x");
  write_file(directory / "x", "replaced");  // which an open file does not mind
  Tensor<double> turned({200, 700, 3});
  file.read_into("x", turned.permute({1, 2, 0}));
  CHECK(same_bits(Tensor<double>(turned.permute({1, 2, 0})), x));
  Tensor<float> rounded({700, 3, 200});
  file.read_into("x", rounded.view());
  CHECK(same_bits(rounded, cast<float>(x)));
  Index seen = 0, calls = 0;
  file.visit_rows<float>("x", [&](Index first, View<const float> rows) {
    CHECK(first == seen);
    CHECK(same_bits(Tensor<float>(rows),
                    Tensor<float>(rounded.slice(0, first, first + rows.size(0)))));
    seen += rows.size(0), ++calls;
  });
  CHECK(seen == 700);
  CHECK(calls == 2);
  Tensor<float> item = Tensor<float>::scalar(0);
  file.read_into("scalar", item.view());
  CHECK(same_bits(item, scalar));

  const std::string start = (directory / "x").string() + ": tensor ";
  CHECK(error_of<ShapeError>([&] { file.read_into("y", rounded.view()); }) ==
        start + "\"y\" is [4, 2], the room for it is [700, 3, 200]");
  CHECK(error_of<ShapeError>([&] {
          file.visit_rows<float>("scalar", [](Index, View<const float>) {});
        }) == start + "\"scalar\" has no axes");
  Tensor<std::int32_t> whole({4, 2});
  CHECK(error_of([&] { file.read_into("y", whole.view()); }) ==
        start + "\"y\" holds F32 and cannot be read as I32");
}

TEST_CASE("a file that becomes shorter while it is open is an error", "[io]") {
  const scratch::Directory directory;
  const Tensor<float> x = pattern<float>({1000});
  save_safetensors(directory / "x", {{"x", x}});
  const SafetensorsFile file(directory / "x");
  std::filesystem::resize_file(directory / "x", 1000);
  CHECK(error_of([&] { file.read<float>("x"); }) ==
        (directory / "x").string() + ": cannot be read: it has become shorter");
}

TEST_CASE("a safetensors file tells names, shapes, dtypes and metadata", "[io]") {
  const scratch::Directory directory;
  const Tensor<double> w({2, 1}, {0.1, 0.2});
  const Tensor<float> b({2}, {1, 2});
  const std::map<std::string, std::string> metadata{{"config", "{\"n_layers\": 1}"}, {"é", "\n"}};
  save_safetensors(directory / "x", {{"blocks.0.mlp.W_in", w}, {"blocks.0.mlp.b_in", b}}, metadata);
  const SafetensorsFile file(directory / "x");
  CHECK(file.names() == std::vector<std::string>{"blocks.0.mlp.W_in", "blocks.0.mlp.b_in"});
  CHECK(file.shape("blocks.0.mlp.W_in") == Shape{2, 1});
  CHECK(file.dtype("blocks.0.mlp.W_in") == Dtype::f64);
  CHECK(file.metadata() == metadata);
  CHECK(file.read<float>("blocks.0.mlp.W_in")(0, 0) == 0.1f);  // rounded to nearest
  CHECK(file.read<double>("blocks.0.mlp.b_in")(1) == 2.0);
  const std::string start = (directory / "x").string();
  CHECK(error_of<NameError>([&] { file.read<float>("blocks.0.mlp.W_im"); }) ==
        start + ": no tensor \"blocks.0.mlp.W_im\"; nearest: blocks.0.mlp.W_in, blocks.0.mlp.b_in");
  CHECK(error_of([&] { file.read<std::int32_t>("blocks.0.mlp.b_in"); }) ==
        start + ": tensor \"blocks.0.mlp.b_in\" holds F32 and cannot be read as I32");
  CHECK(error_of<NameError>([&] { SafetensorsFile(archive("{}"), "x").shape("a"); }) ==
        "x: no tensor \"a\"; nearest: the file holds none");
}

TEST_CASE("a file with a damaged frame is refused", "[io]") {
  CHECK(opening("") ==
        "x: has 0 bytes, but a safetensors file starts with 8 bytes of header length");
  CHECK(opening("1234567") ==
        "x: has 7 bytes, but a safetensors file starts with 8 bytes of header length");
  CHECK(opening("PK\3\4 is another format") ==
        "x: header length is 2338328217762614096, the limit is 100000000 bytes; is this a "
        "safetensors file?");
  CHECK(opening(archive("{}").substr(0, 9)) ==
        "x: header length is 2, but only 1 bytes follow; the file is truncated");
  CHECK(opening(archive("")) == "x: header must start with '{'");
  CHECK(opening(archive("[]")) == "x: header must start with '{'");
  CHECK(opening(archive(" {}")) == "x: header must start with '{'");
  CHECK(opening(archive("{\"a\"")) ==
        "x: header: not JSON at byte 5: parse error at line 1, column 5: syntax error while "
        "parsing object separator - unexpected end of input; expected ':'");
  CHECK(opening(archive("{} x")).starts_with("x: header: not JSON at byte 4: "));
  CHECK(opening(archive("{\"\xff\":1}")).starts_with("x: header: not JSON at byte 3: "));
  CHECK(opening(archive("{\"a\":" + std::string(1000, '['))) ==
        "x: header: JSON nested deeper than 64 levels");
  CHECK(opening(archive("{}", 1)) == "x: bytes 0 to 1 of the data belong to no tensor");
  CHECK(opening(archive("{}   ")) == "(nothing was thrown)");
}

TEST_CASE("a header that describes a tensor badly is refused", "[io]") {
  const auto described = [](const std::string& description, std::size_t data = 8) {
    return opening(archive("{\"a\":" + description + "}", data));
  };
  const auto with = [&](const std::string& dtype, const std::string& shape,
                        const std::string& offsets) {
    return described("{\"dtype\":" + dtype + ",\"shape\":" + shape +
                     ",\"data_offsets\":" + offsets + "}");
  };
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  CHECK(described(good) == "(nothing was thrown)");
  CHECK(opening(archive("{\"a\":" + good + ",\"a\":" + good + "}", 8)) ==
        "x: header: the key \"a\" appears twice in one object");
  CHECK(described("[]") == "x: tensor \"a\" must be described by an object, found array");
  CHECK(described("{}") == "x: tensor \"a\" has no dtype");
  CHECK(described(R"({"dtype":"F32"})") == "x: tensor \"a\" has no shape");
  CHECK(described(R"({"dtype":"F32","shape":[2]})") == "x: tensor \"a\" has no data_offsets");

  const std::string known = ", known are BOOL, U8, F16, BF16, I32, F32, F64 and I64";
  CHECK(with("\"F8_E4M3\"", "[8]", "[0,8]") == "x: tensor \"a\" has dtype \"F8_E4M3\"" + known);
  CHECK(with("\"\"", "[8]", "[0,8]") == "x: tensor \"a\" has dtype \"\"" + known);
  CHECK(with("32", "[2]", "[0,8]") == "x: tensor \"a\" has dtype 32" + known);

  const std::string counts = ", expected a list of whole numbers from 0 to 2^63 - 1";
  CHECK(with("\"F32\"", "2", "[0,8]") == "x: tensor \"a\" has shape 2" + counts);
  CHECK(with("\"F32\"", "[-2]", "[0,8]") == "x: tensor \"a\" has shape [-2]" + counts);
  CHECK(with("\"F32\"", "[2.0]", "[0,8]") == "x: tensor \"a\" has shape [2.0]" + counts);
  CHECK(with("\"F32\"", "[\"2\"]", "[0,8]") == "x: tensor \"a\" has shape [\"2\"]" + counts);
  CHECK(with("\"F32\"", "[9223372036854775808]", "[0,8]") ==
        "x: tensor \"a\" has shape [9223372036854775808]" + counts);
  CHECK(with("\"F32\"", "[1,1,1,1,1,1,2]", "[0,8]") == "x: tensor \"a\" has 7 axes, the most is 6");

  CHECK(with("\"F32\"", "[2]", "[0]") ==
        "x: tensor \"a\" has data_offsets [0], expected [begin, end]");
  CHECK(with("\"F32\"", "[2]", "[-1,8]") ==
        "x: tensor \"a\" has data_offsets [-1,8], expected [begin, end]");
  CHECK(with("\"F32\"", "[2]", "[0,8.5]") ==
        "x: tensor \"a\" has data_offsets [0,8.5], expected [begin, end]");
  CHECK(with("\"F32\"", "[2]", "[8,0]") == "x: tensor \"a\" begins at byte 8, after its end at 0");
  CHECK(with("\"F32\"", "[3]", "[0,12]") ==
        "x: tensor \"a\" ends at byte 12, but the file has 8 bytes of data; it is truncated");
  CHECK(with("\"F32\"", "[3]", "[0,8]") ==
        "x: tensor \"a\" of shape [3] and dtype F32 takes 12 bytes, data_offsets give 8");
  CHECK(with("\"F32\"", "[0]", "[0,8]") ==
        "x: tensor \"a\" of shape [0] and dtype F32 takes 0 bytes, data_offsets give 8");
  const std::string overflow = " and dtype F32 takes more than 2^63 bytes, data_offsets give ";
  CHECK(with("\"F32\"", "[4611686018427387904]", "[0,0]") ==
        "x: tensor \"a\" of shape [4611686018427387904]" + overflow + "0");
  CHECK(with("\"F32\"", "[4294967296,4294967298]", "[0,8]") ==
        "x: tensor \"a\" of shape [4294967296, 4294967298]" + overflow + "8");
  CHECK(with("\"F32\"", "[0,4294967296,4294967296]", "[0,0]") ==
        "x: tensor \"a\" of shape [0, 4294967296, 4294967296]" + overflow + "0");
}

TEST_CASE("tensors must cover the data once", "[io]") {
  const auto covering = [](const std::string& first, const std::string& second) {
    const auto bytes = [](const std::string& shape, const std::string& offsets) {
      return "{\"dtype\":\"U8\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
    };
    return opening(archive("{\"a\":" + bytes("[4]", first) + ",\"b\":" + bytes("[4]", second) +
                               ",\"none\":" + bytes("[0,9]", "[4,4]") + "}",
                           8));
  };
  CHECK(covering("[0,4]", "[4,8]") == "(nothing was thrown)");
  CHECK(covering("[4,8]", "[0,4]") == "(nothing was thrown)");
  CHECK(covering("[0,4]", "[2,6]") ==
        "x: tensor \"b\" begins at byte 2, inside tensor \"a\", which ends at 4");
  CHECK(covering("[0,4]", "[0,4]") ==
        "x: tensor \"b\" begins at byte 0, inside tensor \"a\", which ends at 4");
  CHECK(covering("[1,5]", "[4,8]") == "x: bytes 0 to 1 of the data belong to no tensor");
  const std::string one = R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})";
  CHECK(opening(archive(one, 6)) == "x: bytes 4 to 6 of the data belong to no tensor");
}

TEST_CASE("metadata that is not strings is refused", "[io]") {
  for (const std::string metadata : {"[]", "\"text\"", "{\"a\":1}", "{\"a\":{}}", "null"}) {
    CHECK(opening(archive("{\"__metadata__\":" + metadata + "}")) ==
          "x: __metadata__ must be an object of strings");
  }
}

TEST_CASE("what safetensors cannot hold is refused before a byte is written", "[io]") {
  const scratch::Directory directory;
  const std::string path = (directory / "x").string();
  const Tensor<float> x(Shape{1});
  const auto saving = [&](const std::vector<NamedTensor>& tensors,
                          const std::map<std::string, std::string>& metadata = {}) {
    return error_of([&] { save_safetensors(path, tensors, metadata); });
  };
  CHECK(saving({{"", x}}) == path + ": cannot be written: a tensor has no name");
  CHECK(saving({{"a", x}, {"a", x}}) == path + ": cannot be written: two tensors are named \"a\"");
  CHECK(saving({{"__metadata__", x}}) ==
        path + ": cannot be written: __metadata__ is not a tensor's name");
  CHECK(saving({{"\xff", x}}) == path + ": cannot be written: the text \"\xff\" is not UTF-8");
  CHECK(saving({}, {{"a", "\xff"}}) ==
        path + ": cannot be written: the text \"\xff\" is not UTF-8");
  CHECK(saving({}, {{"a", std::string(100'000'000, 'x')}}) ==
        path +
            ": cannot be written: its header would have 100000032 bytes, the limit is 100000000");
  CHECK(directory.files() == 0);

  const std::string nowhere = (directory / "missing/x").string();
  CHECK(error_of([&] {
          save_safetensors(nowhere, {{"a", x}});
        }) == nowhere + ": cannot be written: No such file or directory");
}

TEST_CASE("a damaged safetensors file is read or refused", "[io]") {
  const scratch::Directory directory;
  const Tensor<float> a({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor<std::int32_t> b = Tensor<std::int32_t>::scalar(1);
  save_safetensors(directory / "x", {{"a", a}, {"b", b}}, {{"format", "pt"}});
  scratch::fuzz(read_file(directory / "x"), 20'000, [](const std::string& bytes) {
    const SafetensorsFile file(bytes, "x");
    for (const std::string& name : file.names()) {
      const Dtype dtype = file.dtype(name);
      if (dtype == Dtype::f32 || dtype == Dtype::f64 || dtype == Dtype::f16) {
        file.read<double>(name);
      } else {
        file.read<std::int64_t>(name);
      }
    }
  });
}

namespace {

bool have_python() {
  if (run_python("-c 'import numpy, safetensors.numpy' 2>/dev/null") == 0) return true;
  WARN("skipped: " << python()
                   << " cannot import numpy and safetensors; set HOOKED_PYTHON to one that can");
  return false;
}

int exchange(const std::string& verb, const scratch::Directory& directory) {
  return run_python("'" HOOKED_TESTS_DIR "/io/interop.py' " + verb + " '" +
                    directory.path().string() + "'");
}

// Equal bits, or both NaN: a conversion may make a signalling NaN quiet.
bool same_values(const Tensor<float>& a, const Tensor<float>& b) {
  bool same = a.shape() == b.shape();
  for (Index i = 0; same && i < a.numel(); ++i) {
    same = std::isnan(a(i)) ? std::isnan(b(i)) : std::memcmp(&a(i), &b(i), sizeof(float)) == 0;
  }
  return same;
}

}  // namespace

TEST_CASE("Python reads what hooked writes, to the bit", "[io]") {
  if (!have_python()) return;
  const scratch::Directory directory;
  const auto f32 = pattern<float>({13, 17}), empty = pattern<float>({0, 3}),
             hook_pattern = pattern<float>({2, 4, 3, 3});
  const auto f64 = pattern<double>({5, 3, 7}), scalar = pattern<double>({});
  const auto i32 = pattern<std::int32_t>({11});
  const auto i64 = pattern<std::int64_t>({2, 1, 2, 1, 2, 1});
  const auto u8 = pattern<std::uint8_t>({9}), mask_bytes = pattern<std::uint8_t>({4, 5});
  std::array<bool, 20> mask{};
  for (Index i = 0; i < 20; ++i) mask[static_cast<std::size_t>(i)] = mask_bytes.data()[i] % 3 == 0;
  const Tensor<float> turned(f32.transpose());  // [17, 13] in memory, written as [13, 17]
  const std::vector<NamedTensor> tensors{{"f32", turned.transpose()},
                                         {"f64", f64},
                                         {"i32", i32},
                                         {"i64", i64},
                                         {"u8", u8},
                                         {"bool", View<const bool>(mask.data(), {4, 5})},
                                         {"scalar", scalar},
                                         {"empty", empty},
                                         {"blocks.0.attn.hook_pattern", hook_pattern}};
  save_safetensors(directory / "ours.safetensors", tensors, {{"format", "pt"}});
  save_npz(directory / "ours.npz", tensors);
  save_npy(directory / "ours.npy", f64);
  CHECK(exchange("check", directory) == 0);
}

TEST_CASE("hooked reads what Python writes, to the bit", "[io]") {
  if (!have_python()) return;
  const scratch::Directory directory;
  REQUIRE(exchange("write", directory) == 0);
  const auto check = [](const TensorFile& file) {
    CHECK(same_bits(file.read<float>("f32"), pattern<float>({13, 17})));
    CHECK(same_bits(file.read<double>("f64"), pattern<double>({5, 3, 7})));
    CHECK(same_bits(file.read<std::int32_t>("i32"), pattern<std::int32_t>({11})));
    CHECK(same_bits(file.read<std::int64_t>("i64"), pattern<std::int64_t>({2, 1, 2, 1, 2, 1})));
    CHECK(same_bits(file.read<std::uint8_t>("u8"), pattern<std::uint8_t>({9})));
    CHECK(file.dtype("bool") == Dtype::boolean);
    auto mask = pattern<std::uint8_t>({4, 5});
    for (Index i = 0; i < 20; ++i) mask.data()[i] = mask.data()[i] % 3 == 0;
    CHECK(same_bits(file.read<std::uint8_t>("bool"), mask));
    CHECK(same_bits(file.read<double>("scalar"), pattern<double>({})));
    CHECK(file.read<float>("empty").shape() == Shape{0, 3});
    CHECK(same_bits(file.read<float>("blocks.0.attn.hook_pattern"), pattern<float>({2, 4, 3, 3})));
    CHECK(file.dtype("f16") == Dtype::f16);
    CHECK(same_values(file.read<float>("f16"), file.read<float>("f16_as_f32")));
  };
  const SafetensorsFile theirs(directory / "theirs.safetensors");
  check(theirs);
  CHECK(theirs.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
  const NpzFile archive(directory / "theirs.npz");
  check(archive);
  CHECK(same_bits(archive.read<double>("fortran"), pattern<double>({5, 3, 7})));
  CHECK(same_bits(load_npy<double>(directory / "version2.npy"), pattern<double>({5, 3, 7})));
  const std::string compressed = (directory / "compressed.npz").string();
  CHECK(error_of([&] { NpzFile file(compressed); }) ==
        compressed +
            ": member \"a.npy\" is compressed (deflate); only stored members are read, as "
            "numpy.savez writes them (not savez_compressed)");
  if (!std::filesystem::exists(directory / "torch.safetensors")) {
    WARN("BF16 files from Python: skipped, " << python() << " cannot import torch");
    return;
  }
  const SafetensorsFile from_torch(directory / "torch.safetensors");
  CHECK(from_torch.dtype("bf16") == Dtype::bf16);
  CHECK(same_values(from_torch.read<float>("bf16"), from_torch.read<float>("bf16_as_f32")));
}
