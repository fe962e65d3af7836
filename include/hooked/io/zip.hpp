// ZIP archives of stored (uncompressed) members: as much of the format as .npz needs.
// Format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and
// 4.3.16 (end of central directory).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hooked/core/error.hpp"

namespace hooked {

/// Tables for eight bytes at a time: table[k][b] is the checksum of byte b followed by k zeros.
inline constexpr auto kCrc32Tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> table{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    table[0][b] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t b = 0; b < 256; ++b) {
      const std::uint32_t shorter = table[k - 1][b];
      table[k][b] = shorter >> 8 ^ table[0][shorter & 0xff];
    }
  }
  return table;
}();

/// The checksum of ZIP: CRC-32 with the reflected polynomial EDB88320. `crc` is the checksum of
/// what comes before `bytes`. Eight bytes a step ("slicing by 8", Kounavis and Berry 2005).
inline std::uint32_t crc32(std::string_view bytes, std::uint32_t crc = 0) {
  const auto& table = kCrc32Tables;
  crc = ~crc;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t next;
    std::memcpy(&next, bytes.data(), sizeof next);
    next ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= table[7 - k][next >> (8 * k) & 0xff];
  }
  for (const char byte : bytes) {
    crc = crc >> 8 ^ table[0][(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  return ~crc;
}

/// A stored member. `offset` is where its local header begins when it is written, and where its
/// bytes begin when it is read.
struct ZipMember {
  std::string name;                 ///< of the file inside
  std::uint32_t crc, size, offset;  ///< checksum; bytes; where they begin
};

/// The marks that begin the parts of an archive, and the size at which ZIP64 begins.
inline constexpr std::uint32_t kZipLocalMark = 0x04034b50, kZipDirectoryMark = 0x02014b50,
                               kZipEndMark = 0x06054b50, kZip64 = 0xffffffff;
/// Bytes of those parts, names left out.
inline constexpr std::size_t kZipLocalSize = 30, kZipDirectorySize = 46, kZipEndSize = 22;

/// Numbers as little-endian bytes, one after the other.
template <class... T>
std::string zip_fields(T... values) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  return bytes;
}

/// What local header and directory entry have in common: version 2.0, no flags, stored, the time
/// 1980-01-01 00:00 (so that the same content has the same bytes), checksum, sizes, lengths.
inline std::string zip_common(const ZipMember& member) {
  constexpr std::uint16_t kZero = 0, kVersion = 20, kDate = 0x0021;
  return zip_fields(kVersion, kZero, kZero, kZero, kDate, member.crc, member.size, member.size,
                    static_cast<std::uint16_t>(member.name.size()), kZero);
}

/// What is written before a member's bytes.
inline std::string zip_local_header(const ZipMember& member) {
  return zip_fields(kZipLocalMark) + zip_common(member) + member.name;
}

/// What is written after all members, at `offset`.
inline std::string zip_directory(const std::vector<ZipMember>& members, std::uint32_t offset) {
  constexpr std::uint16_t kZero = 0, kVersion = 20;
  std::string bytes;
  for (const ZipMember& member : members) {
    bytes += zip_fields(kZipDirectoryMark, kVersion) + zip_common(member) +
             zip_fields(kZero, kZero, kZero, std::uint32_t{0}, member.offset) + member.name;
  }
  const auto count = static_cast<std::uint16_t>(members.size());
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return bytes + zip_fields(kZipEndMark, kZero, kZero, count, count, size, offset, kZero);
}

/// Reads the directory of an archive that is in memory as a whole.
class ZipReader {
 public:
  /// Throws FormatError, which begins with `label`, when the archive is damaged (bounds and
  /// checksums of all members are verified), compressed, encrypted, split or of the zip64 kind.
  ZipReader(std::string_view bytes, std::string_view label) : bytes_(bytes), label_(label) {
    const std::size_t end = find_end();
    const std::size_t count = u16(end + 10), size = u32(end + 12);
    directory_ = u32(end + 16);
    if (count == 0xffff || directory_ == kZip64) refuse("is a zip64 archive (4 GiB and more)");
    if (u16(end + 4) != 0 || u16(end + 8) != count) refuse("is one part of a split ZIP archive");
    if (directory_ + size != end) {
      refuse("ZIP directory of ", size, " bytes at byte ", directory_, " does not end at byte ",
             end);
    }
    std::size_t at = directory_;
    for (std::size_t i = 0; i < count; ++i) at += read_entry(at, end);
    if (at != end) refuse("ZIP directory has more than its ", count, " members");
  }

  /// The files inside, which are gone from here then.
  std::vector<ZipMember> members() && { return std::move(members_); }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail<FormatError>(label_, ": ", parts...);
  }
  template <class T>
  std::size_t number(std::size_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  std::size_t u16(std::size_t at) const { return number<std::uint16_t>(at); }
  std::size_t u32(std::size_t at) const { return number<std::uint32_t>(at); }

  // The end record is followed by a comment of up to 65535 bytes, which reaches to the end.
  std::size_t find_end() const {
    const std::size_t size = bytes_.size();
    for (std::size_t tail = kZipEndSize; tail <= std::min(size, kZipEndSize + 0xffff); ++tail) {
      const std::size_t at = size - tail;
      if (u32(at) == kZipEndMark && u16(at + 20) == tail - kZipEndSize) return at;
    }
    refuse("is not a ZIP archive, or is truncated: it has no end of central directory");
  }

  // Adds one member; returns the size of its entry, which must end before `end`.
  std::size_t read_entry(std::size_t at, std::size_t end) {
    if (end - at < kZipDirectorySize || u32(at) != kZipDirectoryMark) {
      refuse("ZIP directory is damaged at byte ", at);
    }
    const std::size_t name_size = u16(at + 28);
    const std::size_t entry_size = kZipDirectorySize + name_size + u16(at + 30) + u16(at + 32);
    if (end - at < entry_size) refuse("ZIP directory is damaged at byte ", at);
    const std::string name(bytes_.substr(at + kZipDirectorySize, name_size));
    const auto refuse_member = [&](const auto&... parts) {
      refuse("member \"", name, "\" ", parts...);
    };
    const std::size_t flags = u16(at + 8), method = u16(at + 10), crc = u32(at + 16),
                      size = u32(at + 20), local = u32(at + 42);
    if (flags & 1) refuse_member("is encrypted");
    if (method == 8) {
      refuse_member(
          "is compressed (deflate); only stored members are read, "
          "as numpy.savez writes them (not savez_compressed)");
    }
    if (method != 0) refuse_member("has compression method ", method, ", only 0 (stored) is read");
    if (size == kZip64 || local == kZip64) refuse_member("is of the zip64 kind (4 GiB and more)");
    if (size != u32(at + 24)) {
      refuse_member("is stored in ", size, " bytes but has ", u32(at + 24));
    }
    if (local + kZipLocalSize > directory_ || u32(local) != kZipLocalMark) {
      refuse_member("has no local header at byte ", local);
    }
    const std::size_t begin = local + kZipLocalSize + u16(local + 26) + u16(local + 28);
    if (begin + size > directory_) {
      refuse_member("of ", size, " bytes at byte ", begin, " reaches into the directory at byte ",
                    directory_);
    }
    if (bytes_.substr(local + kZipLocalSize, u16(local + 26)) != name) {
      refuse_member("has another name in its local header");
    }
    if (crc32(bytes_.substr(begin, size)) != crc) refuse_member("is damaged: wrong CRC-32");
    members_.push_back({name, static_cast<std::uint32_t>(crc), static_cast<std::uint32_t>(size),
                        static_cast<std::uint32_t>(begin)});
    return entry_size;
  }

  std::string_view bytes_, label_;
  std::size_t directory_ = 0;
  std::vector<ZipMember> members_;
};

}  // namespace hooked
