#include "program.hpp"

#include "harness.hpp"
#include "hooked/report/claims_table.hpp"

namespace study {

namespace detail {

/// The table shows what is judged; claims.json has all.
void print(const std::vector<Preset>& presets, const Options& options,
           const hooked::Report& report) {
  for (const Preset& preset : presets) {
    if (preset.name == options.preset && !preset.warning.empty()) {
      std::printf("\nNote: %s\n", preset.warning.c_str());
    }
  }
  std::printf("\n");
  for (const std::string& finding : report.findings) std::printf("%s\n", finding.c_str());
  std::vector<hooked::Claim> judged;
  std::size_t counting = 0, holding = 0;
  for (const hooked::Claim& claim : report.claims) {
    if (claim.verdict == hooked::Verdict::not_judged) continue;
    judged.push_back(claim);
    counting += counts(claim) ? 1 : 0;
    holding += counts(claim) && passes(claim.verdict) ? 1 : 0;
  }
  std::printf(
      "Of %zu claims, %zu say something (models that know nothing fail them); %zu of these hold.\n",
      judged.size(), counting, holding);
  std::printf("\n%s\n%zu more measurements, definitions and rules are in %s\n",
              claims_table(judged).c_str(), report.claims.size() - judged.size(),
              (options.out / "claims.json").c_str());
}

}  // namespace detail

template hooked::Transformer<float> train_or_load(const Study&, const Options&, const Setup&);
template int run(const Study&, int, char**);

}  // namespace study
