#include "hooked/io/npz.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include "catch.hpp"
#include "io/scratch.hpp"

using namespace hooked;
using scratch::error_of;

namespace {

// Bytes of a .npy file of version 1 with this dictionary.
std::string npy(const std::string& dictionary, const std::string& numbers) {
  const std::size_t size = dictionary.size();
  return std::string(kNpyMagic) + '\1' + '\0' + static_cast<char>(size & 0xff) +
         static_cast<char>(size >> 8) + dictionary + numbers;
}

std::string npz_of(const std::vector<NamedTensor>& tensors) {
  const scratch::Directory directory;
  save_npz(directory / "x.npz", tensors);
  return read_file(directory / "x.npz");
}

// The place of the only member's entry in the directory of an archive.
std::size_t directory_of(const std::string& archive) { return archive.find("PK\1\2"); }

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

TEST_CASE("a .npy file is a padded Python dictionary and the numbers", "[io]") {
  const scratch::Directory directory;
  const Tensor<float> x({2, 3}, {1, 2, 3, 4, 5, 6});
  save_npy(directory / "x.npy", x);
  const std::string bytes = read_file(directory / "x.npy");
  const std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  CHECK(bytes.substr(0, 10) == std::string("\x93NUMPY\1\0\x76\0", 10));
  CHECK(bytes.substr(10, 118) == dictionary + std::string(58, ' ') + "\n");
  REQUIRE(bytes.size() == 128 + 24);
  CHECK(bytes.substr(128, 8) == std::string("\0\0\x80\x3f\0\0\0\x40", 8));
}

TEMPLATE_TEST_CASE("a tensor goes through .npy without losing a bit", "[io]", float, double,
                   std::int32_t, std::int64_t, std::uint8_t) {
  const scratch::Directory directory;
  const auto same = [&](const AnyView& written, const Tensor<TestType>& expected) {
    save_npy(directory / "x.npy", written);
    const auto read = load_npy<TestType>(directory / "x.npy");
    CHECK(read.shape() == expected.shape());
    CHECK(std::equal(read.data(), read.data() + read.numel(), expected.data()));
  };
  const Tensor<TestType> x({2, 3}, {1, 2, 3, 4, 5, 6});
  same(x, x);
  same(x.transpose(), {{3, 2}, {1, 4, 2, 5, 3, 6}});
  same(x.slice(1, 0, 3, 2), {{2, 2}, {1, 3, 4, 6}});
  same(x.select(0, 1), {{3}, {4, 5, 6}});
  same(x.select(0, 1).broadcast({2, 3}), {{2, 3}, {4, 5, 6, 4, 5, 6}});
  same(Tensor<TestType>::scalar(7), {Shape{}, {7}});
  same(Tensor<TestType>(Shape{0, 3}), Tensor<TestType>(Shape{0, 3}));
  same(Tensor<TestType>(Shape{1, 1, 1, 1, 1, 2}), Tensor<TestType>(Shape{1, 1, 1, 1, 1, 2}));
}

TEST_CASE("booleans are written from a view and read as 0 and 1", "[io]") {
  const scratch::Directory directory;
  const std::array<bool, 4> mask{true, false, false, true};
  const View<const bool> view(mask.data(), {2, 2});
  save_npz(directory / "x.npz", {{"mask", view}, {"turned", view.transpose()}});
  const NpzFile file(directory / "x.npz");
  CHECK(file.dtype("mask") == Dtype::boolean);
  const auto read = file.read<std::uint8_t>("mask");
  CHECK((read(0, 0) == 1 && read(0, 1) == 0 && read(1, 0) == 0 && read(1, 1) == 1));
  CHECK(file.read<std::int64_t>("turned")(1, 1) == 1);

  const std::string odd =
      npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", "\x07\x80");
  CHECK(read_stored<std::int32_t>(odd, parse_npy(odd, "x"), "x")(1) == 1);
}

TEST_CASE("numbers change their width only where that is safe", "[io]") {
  const scratch::Directory directory;
  const double large = std::numeric_limits<double>::max();
  save_npz(directory / "x.npz", {{"f64", Tensor<double>({3}, {0.1, 1e-50, -large})},
                                 {"f32", Tensor<float>({1}, {0.1f})},
                                 {"i64", Tensor<std::int64_t>({2}, {-5, 1LL << 31})},
                                 {"i32", Tensor<std::int32_t>({1}, {-1})}});
  const NpzFile file(directory / "x.npz");
  const auto rounded = file.read<float>("f64");
  CHECK(rounded(0) == 0.1f);
  CHECK(rounded(1) == 0.0f);
  CHECK(rounded(2) == -std::numeric_limits<float>::infinity());
  CHECK(file.read<double>("f32")(0) == static_cast<double>(0.1f));
  CHECK(file.read<std::int64_t>("i32")(0) == -1);
  const std::string start = (directory / "x.npz").string() + ": tensor ";
  CHECK(error_of([&] { file.read<std::int32_t>("i64"); }) ==
        start + "\"i64\" holds 2147483648 at element 1, which does not fit I32");
  CHECK(error_of([&] { file.read<std::uint8_t>("i32"); }) ==
        start + "\"i32\" holds -1 at element 0, which does not fit U8");
  CHECK(error_of([&] { file.read<float>("i32"); }) ==
        start + "\"i32\" holds I32 and cannot be read as F32");
  CHECK(error_of([&] { file.read<std::int64_t>("f64"); }) ==
        start + "\"f64\" holds F64 and cannot be read as I64");
}

TEST_CASE("half floats of both kinds become the float of the same value", "[io]") {
  std::string halves;
  for (unsigned bits = 0; bits < 65536; ++bits)
    halves += bytes_of(static_cast<std::uint16_t>(bits));
  Tensor<float> f16(Shape{65536}), bf16(Shape{65536});
  Tensor<double> wide(Shape{65536});
  decode(Dtype::f16, halves.data(), f16.data(), 65536, "x");
  decode(Dtype::f16, halves.data(), wide.data(), 65536, "x");
  decode(Dtype::bf16, halves.data(), bf16.data(), 65536, "x");
  int wrong = 0;
  for (unsigned bits = 0; bits < 65536; ++bits) {
    // IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits.
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float expected = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent == 0
                         ? std::ldexp(static_cast<float>(fraction), -24)
                         : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    if (bits >> 15) expected = -expected;
    const auto same = [](float a, float b) {
      return std::isnan(a) ? std::isnan(b)
                           : std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    };
    wrong += !same(expected, f16(bits)) || !same(expected, static_cast<float>(wide(bits)));
    // bfloat16: the upper half of a float.
    wrong += !same(std::bit_cast<float>(bits << 16), bf16(bits));
  }
  CHECK(wrong == 0);
}

TEST_CASE(".npy files of version 2 and in Fortran order are read", "[io]") {
  const std::string dictionary = "{\"shape\":(2,3), 'fortran_order':True,'descr':'|u1'}\n";
  const std::string bytes = std::string(kNpyMagic) + '\2' + '\0' +
                            bytes_of(static_cast<std::uint32_t>(dictionary.size())) + dictionary +
                            "\1\4\2\5\3\6";
  const auto x = read_stored<std::int32_t>(bytes, parse_npy(bytes, "x"), "x");
  CHECK(x.shape() == Shape{2, 3});
  for (int i = 0; i < 6; ++i) CHECK(x(i / 3, i % 3) == i + 1);
}

TEST_CASE("every way to damage a .npy file has its error", "[io]") {
  const auto parsing = [](const std::string& bytes) {
    return error_of([&] { parse_npy(bytes, "x"); });
  };
  const auto with = [&](const std::string& dictionary, std::size_t size = 8) {
    return parsing(npy(dictionary, std::string(size, '\0')));
  };
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  CHECK(with(good) == "(nothing was thrown)");
  CHECK(parsing("") == "x: does not start as a .npy file does");
  CHECK(parsing("NUMPY, but not really") == "x: does not start as a .npy file does");
  CHECK(parsing(npy(good, "").replace(6, 1, "\3")) == "x: .npy version 3, known are 1 and 2");
  CHECK(parsing(npy(good, "").substr(0, 40)) ==
        "x: .npy header of 57 bytes, but only 30 follow; the file is truncated");
  CHECK(with(good, 7) == "x: shape [2] of F32 takes 8 bytes, the file holds 7");
  CHECK(with(good, 9) == "x: shape [2] of F32 takes 8 bytes, the file holds 9");
  CHECK(with("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }") ==
        "x: .npy descr '>f4', known are |b1, |u1, <f2, <i4, <f4, <f8 and <i8");
  CHECK(with("{'descr': '', 'fortran_order': False, 'shape': (2,), }") ==
        "x: .npy descr '', known are |b1, |u1, <f2, <i4, <f4, <f8 and <i8");
  CHECK(with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }") ==
        "x: .npy header lacks ''' at byte 10");
  CHECK(with("['descr']") == "x: .npy header lacks '{' at byte 0");
  CHECK(with("{'descr") == "x: .npy header has an open string at byte 2");
  CHECK(with("{'descr' '<f4'}") == "x: .npy header lacks ':' at byte 9");
  CHECK(with("{'descr': '<f4' 'shape': ()}") == "x: .npy header lacks '}' at byte 16");
  CHECK(with("{'order': 'C'}") == "x: .npy header has the unknown key 'order'");
  CHECK(with("{'shape': (), 'shape': ()}") == "x: .npy header has 'shape' twice");
  CHECK(with("{'descr': '<f4'}") == "x: .npy header lacks descr, fortran_order or shape");
  CHECK(with("{'fortran_order': None}") == "x: .npy header lacks True or False at byte 18");
  CHECK(with("{'shape': (-1,)}") == "x: .npy header has no valid size at byte 11");
  CHECK(with("{'shape': (2.5,)}") == "x: .npy header lacks ')' at byte 12");
  CHECK(with("{'shape': (99999999999999999999,)}") ==
        text("x: .npy header has a size at byte 11 that is more than ",
             std::numeric_limits<Index>::max(), ", the most that a program here can count"));
  CHECK(with("{'shape': (1, 1, 1, 1, 1, 1, 1)}") == "x: .npy header has more than 6 axes");
  CHECK(with(good + "x") == "x: .npy header has more after the dictionary, at byte 57");
  CHECK(with("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}") ==
        "x: shape [4294967296, 4294967296] of F32 takes more than 2^63 bytes, the file holds 8");
  CHECK(with("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}", 0) ==
        "x: shape [0, 4294967296, 4294967296] of F32 takes more than 2^63 bytes, the file holds 0");
}

TEST_CASE("the checksum is that of ZIP", "[io]") {
  CHECK(crc32("") == 0);
  CHECK(crc32("123456789") == 0xCBF43926);  // the check value of the CRC catalogue
  CHECK(crc32("The quick brown fox jumps over the lazy dog") == 0x414FA339);
  CHECK(crc32("56789", crc32("1234")) == crc32("123456789"));
}

TEST_CASE("named tensors go through .npz, with the same bytes each time", "[io]") {
  const Tensor<float> pattern({2, 2}, {0.25f, 0.75f, 0.5f, 0.5f});
  const Tensor<double> scalar = Tensor<double>::scalar(3.5);
  const Tensor<Token> tokens({3}, {1, 2, 3});
  const std::vector<NamedTensor> tensors{{"blocks.0.attn.hook_pattern", pattern.transpose()},
                                         {"loss", scalar},
                                         {"tokens", tokens},
                                         {"none", Tensor<float>(Shape{0})}};
  const std::string bytes = npz_of(tensors);
  CHECK(bytes == npz_of(tensors));
  const NpzFile file(bytes, "x");
  CHECK(file.names() ==
        std::vector<std::string>{"blocks.0.attn.hook_pattern", "loss", "none", "tokens"});
  CHECK(file.contains("loss"));
  CHECK(!file.contains("los"));
  CHECK(file.shape("blocks.0.attn.hook_pattern") == Shape{2, 2});
  CHECK(file.dtype("tokens") == Dtype::i32);
  CHECK(file.read<float>("blocks.0.attn.hook_pattern")(0, 1) == 0.5f);
  CHECK(file.read<double>("loss").item() == 3.5);
  CHECK(file.read<Token>("tokens")(2) == 3);
  CHECK(file.read<float>("none").numel() == 0);
  CHECK(error_of<NameError>([&] { file.read<float>("blocks.0.attn.hook_patern"); }) ==
        "x: no tensor \"blocks.0.attn.hook_patern\"; nearest: blocks.0.attn.hook_pattern, tokens, "
        "loss");
  CHECK(NpzFile(npz_of({}), "x").names().empty());
}

TEST_CASE("what .npz cannot hold is refused before a byte is written", "[io]") {
  const scratch::Directory directory;
  const std::string path = (directory / "x.npz").string();
  const auto saving = [&](const std::vector<NamedTensor>& tensors) {
    return error_of([&] { save_npz(path, tensors); });
  };
  const Tensor<float> x(Shape{1});
  CHECK(saving({{"", x}}) == path + ": cannot be written: a tensor has no name");
  CHECK(saving({{"a", x}, {"a", x}}) == path + ": cannot be written: two tensors are named \"a\"");
  for (const std::string name : {"a/b", "a\\b", "a\nb", "\xc3\xa9"}) {
    CHECK(saving({{name, x}}) == path + ": cannot be written: the name \"" + name +
                                     "\" is not short, printable ASCII without slashes");
  }
  const View<const float> huge = x.broadcast({1 << 15, 1 << 15});  // 4 GiB, and no memory
  CHECK(saving({{"a", huge}}) == path +
                                     ": cannot be written: 1 tensors in 4294967532 bytes, a .npz "
                                     "holds less than 65535 in less than 4 GiB; keep fewer of "
                                     "them, or use safetensors");
  CHECK(directory.files() == 0);
}

TEST_CASE("every way to damage a .npz file has its error", "[io]") {
  const std::string good = npz_of({{"a", Tensor<float>({2}, {1, 2})}});
  const auto opening = [](const std::string& bytes) {
    return error_of([&] { NpzFile(bytes, "x"); });
  };
  const std::size_t entry = directory_of(good), end = good.size() - kZipEndSize;
  const auto with = [&](std::size_t at, const std::string& bytes) {
    return opening(std::string(good).replace(at, bytes.size(), bytes));
  };
  const std::string none =
      "x: is not a ZIP archive, or is truncated: it has no end of central directory";
  CHECK(opening(good) == "(nothing was thrown)");
  CHECK(opening(std::string(good).replace(end + 20, 2, std::string("\3\0", 2)) + "abc") ==
        "(nothing was thrown)");  // a comment
  CHECK(opening("") == none);
  CHECK(opening("not an archive, whatever its name says") == none);
  CHECK(opening(good.substr(0, good.size() - 1)) == none);
  CHECK(opening(good + "x") == none);
  CHECK(opening("x" + good) == "x: ZIP directory of 51 bytes at byte 171 does not end at byte 223");
  CHECK(with(end + 4, "\1") == "x: is one part of a split ZIP archive");
  CHECK(with(end + 10, "\xff\xff") == "x: is a zip64 archive (4 GiB and more)");
  CHECK(with(end + 8, std::string("\2\0\2", 3)) == "x: ZIP directory is damaged at byte 222");
  CHECK(with(end + 8, std::string("\0\0\0", 3)) == "x: ZIP directory has more than its 0 members");
  CHECK(with(entry, "X") == "x: ZIP directory is damaged at byte 171");
  CHECK(with(entry + 28, "\xff") == "x: ZIP directory is damaged at byte 171");
  CHECK(with(entry + 8, "\1") == "x: member \"a.npy\" is encrypted");
  CHECK(with(entry + 10, "\x08") ==
        "x: member \"a.npy\" is compressed (deflate); only stored members are read, as numpy.savez "
        "writes them (not savez_compressed)");
  CHECK(with(entry + 10, "\x0e") ==
        "x: member \"a.npy\" has compression method 14, only 0 (stored) is read");
  CHECK(with(entry + 20, "\xff\xff\xff\xff") ==
        "x: member \"a.npy\" is of the zip64 kind (4 GiB and more)");
  CHECK(with(entry + 24, "\1") == "x: member \"a.npy\" is stored in 136 bytes but has 1");
  CHECK(with(entry + 42, "\1") == "x: member \"a.npy\" has no local header at byte 1");
  CHECK(with(entry + 42, "\xff\xff") == "x: member \"a.npy\" has no local header at byte 65535");
  CHECK(with(entry + 20, std::string("\xff\0\0\0\xff", 5)) ==
        "x: member \"a.npy\" of 255 bytes at byte 35 reaches into the directory at byte 171");
  CHECK(with(30, "b") == "x: member \"a.npy\" has another name in its local header");
  CHECK(with(entry - 1, "\x41") == "x: member \"a.npy\" is damaged: wrong CRC-32");
  CHECK(opening(std::string(good).replace(34, 1, "x").replace(entry + 50, 1, "x")) ==
        "x: member \"a.npx\" is not a .npy file");

  const std::string text = "hello";  // an archive with a text in it
  const ZipMember member{"a.npy", crc32(text), 5, 0};
  const std::string local = zip_local_header(member) + text;
  const auto size = static_cast<std::uint32_t>(local.size());
  CHECK(opening(local + zip_directory({member}, size)) ==
        "x: member \"a.npy\": does not start as a .npy file does");
  CHECK(opening(good.substr(0, entry) +
                zip_directory({{"a.npy", ZipReader(good, "x").members()[0].crc, 136, 0},
                               {"a.npy", ZipReader(good, "x").members()[0].crc, 136, 0}},
                              static_cast<std::uint32_t>(entry))) ==
        "x: tensor \"a\" appears twice");
}

TEST_CASE("damaged .npy and .npz files are read or refused", "[io]") {
  const auto read_all = [](const TensorFile& file) {
    for (const std::string& name : file.names()) {
      if (file.dtype(name) == Dtype::i32) {
        file.read<std::int64_t>(name);
      } else {
        file.read<double>(name);
      }
    }
  };
  scratch::fuzz(npz_of({{"a", Tensor<float>({2, 3}, {1, 2, 3, 4, 5, 6})},
                        {"b", Tensor<std::int32_t>::scalar(1)}}),
                10'000, [&](const std::string& bytes) { read_all(NpzFile(bytes, "x")); });
  scratch::fuzz(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }    \n",
                    std::string(24, '\1')),
                10'000, [](const std::string& bytes) {
                  read_stored<float>(bytes, parse_npy(bytes, "x"), "x");
                });
}
