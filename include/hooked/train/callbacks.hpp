// Callbacks: any type that has some of these functions can listen to a training run.
//
//   bool or void on_step(const StepInfo&)              false stops the run
//   bool or void on_evaluation(const EvaluationInfo&)  false stops the run
//   void on_checkpoint(const std::filesystem::path&)   after it was written
//   void on_end(const TrainResult&)
#pragma once

#include <concepts>
#include <filesystem>
#include <type_traits>

#include "hooked/train/options.hpp"

namespace hooked {

template <class C>
concept TrainCallback = requires(C& c, const StepInfo& info) {
  c.on_step(info);
}
|| requires(C& c, const EvaluationInfo& info) { c.on_evaluation(info); }
|| requires(C& c, const std::filesystem::path& path) { c.on_checkpoint(path); }
|| requires(C& c, const TrainResult& result) { c.on_end(result); };

namespace detail {

/// Calls a listener's function; a function without a verdict lets the run go on.
template <class Call>
bool goes_on(Call call) {
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    return true;
  } else {
    return call();
  }
}

}  // namespace detail

/// Tells every listener that cares; false when one of them wants the run to stop.
template <class... Callbacks>
bool notify(const StepInfo& info, Callbacks&... callbacks) {
  [[maybe_unused]] const auto tell = [&](auto& c) {
    if constexpr (requires { c.on_step(info); }) {
      return detail::goes_on([&] { return c.on_step(info); });
    }
    return true;
  };
  bool going = true;
  ((going = tell(callbacks) && going), ...);
  return going;
}
template <class... Callbacks>
bool notify(const EvaluationInfo& info, Callbacks&... callbacks) {
  [[maybe_unused]] const auto tell = [&](auto& c) {
    if constexpr (requires { c.on_evaluation(info); }) {
      return detail::goes_on([&] { return c.on_evaluation(info); });
    }
    return true;
  };
  bool going = true;
  ((going = tell(callbacks) && going), ...);
  return going;
}
template <class... Callbacks>
void notify(const std::filesystem::path& checkpoint, Callbacks&... callbacks) {
  [[maybe_unused]] const auto tell = [&](auto& c) {
    if constexpr (requires { c.on_checkpoint(checkpoint); }) c.on_checkpoint(checkpoint);
  };
  (tell(callbacks), ...);
}
template <class... Callbacks>
void notify(const TrainResult& result, Callbacks&... callbacks) {
  [[maybe_unused]] const auto tell = [&](auto& c) {
    if constexpr (requires { c.on_end(result); }) c.on_end(result);
  };
  (tell(callbacks), ...);
}

}  // namespace hooked
