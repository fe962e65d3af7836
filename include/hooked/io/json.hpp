// JSON files. The one door to nlohmann/json, which is slow to compile: include this header only
// where JSON is read or written. Of its types we have one, which keeps the order of keys. Functions
// are templates all the same, so that who includes them without reading or writing does not compile
// a parser.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hooked/core/compiled.hpp"
#include "hooked/io/file.hpp"

namespace hooked {

/// Parses strict JSON (RFC 8259): no comments, nothing after the value, no key twice in one object,
/// at most 64 levels deep. `label` is what error texts call the source.
/// Throws FormatError with the byte position (counted from 1).
template <class json = nlohmann::ordered_json>
json parse_json(std::string_view bytes, const std::string& label) {
  constexpr std::size_t kMaxDepth = 64;
  std::vector<std::set<std::string>> keys;  // of every object or array that is open
  const auto check = [&](int, typename json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (keys.size() == kMaxDepth) {
          fail<FormatError>(label, ": JSON nested deeper than ", kMaxDepth, " levels");
        }
        keys.emplace_back();
        break;
      case json::parse_event_t::key:
        if (!keys.back().insert(parsed.template get_ref<const std::string&>()).second) {
          fail<FormatError>(label, ": the key ", parsed.dump(), " appears twice in one object");
        }
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        keys.pop_back();
        break;
      case json::parse_event_t::value:
        break;
    }
    return true;
  };
  const auto reason = [](const nlohmann::ordered_json::exception& error) {
    const std::string what = error.what();  // "[json.exception.NAME.ID] reason"
    return what.substr(what.find("] ") + 2);
  };
  try {
    return json::parse(bytes, check);
  } catch (const nlohmann::ordered_json::parse_error& error) {
    fail<FormatError>(label, ": not JSON at byte ", error.byte, ": ", reason(error));
  } catch (const nlohmann::ordered_json::exception& error) {  // a number that no double can hold
    fail<FormatError>(label, ": not JSON: ", reason(error));
  }
}

/// The content of a JSON file. Throws FormatError as read_file and parse_json do.
template <class Json = nlohmann::ordered_json>
Json load_json(const std::filesystem::path& path) {
  return parse_json<Json>(read_file(path), path.string());
}

/// Writes `value` with two spaces of indentation. NaN and infinities, which JSON does not have,
/// become null. Throws FormatError when the file cannot be written or a string is not UTF-8.
template <class Json>
requires requires { typename Json::parser_callback_t; }
void save_json(const std::filesystem::path& path, const Json& value) {
  std::string bytes;
  try {
    bytes = value.dump(2) + "\n";
  } catch (const typename Json::type_error&) {
    fail<FormatError>(path.string(), ": cannot be written: a string in it is not UTF-8");
  }
  write_file(path, bytes);
}

#ifdef HOOKED_COMPILED
extern template nlohmann::ordered_json parse_json(std::string_view, const std::string&);
extern template void save_json(const std::filesystem::path&, const nlohmann::ordered_json&);
#endif

}  // namespace hooked
