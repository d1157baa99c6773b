// What became of answers whose connections died with them, where there are no acks (U-061): a doubt holds up what
// follows until so many further elements have been handed out. Then the answer is given up, and its loss has to be told
// before it counts as received. Answers by their place in the session; the numbers of elements are the target's.
#pragma once
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>

#include "tests/fuzz/complain.hpp"

namespace fuzz {

class Losses {
 public:
  // `doubted`: it was not proven by then, as far as anybody may think.
  void died(std::int64_t at, std::uint64_t handed_out, bool doubted) {
    died_.insert(at);
    if (doubted) doubts_[at] = handed_out;
    untold_.erase(at);
  }
  void fetched(std::int64_t at) {
    died_.erase(at);
    doubts_.erase(at);
    untold_.erase(at);
  }
  void acknowledged_up_to(std::int64_t at) {
    died_.erase(died_.begin(), died_.upper_bound(at));
    doubts_.erase(doubts_.begin(), doubts_.upper_bound(at));
    untold_.erase(untold_.begin(), untold_.upper_bound(at));
  }
  void age(std::uint64_t handed_out, std::uint64_t most) {
    for (auto doubt = doubts_.begin(); doubt != doubts_.end();) {
      if (handed_out > doubt->second + most) untold_.insert(doubt->first);
      doubt = handed_out > doubt->second + most ? doubts_.erase(doubt) : std::next(doubt);
    }
  }
  // Of what is shown to have been received.
  [[nodiscard]] std::int64_t proven(std::int64_t shown) const {
    return doubts_.empty() ? shown : std::min(shown, doubts_.begin()->first - 1);
  }
  // Those elements are given up. `handed_out_by`: how many there were up to each answer.
  template <class Key>
  void told(const std::map<Key, std::uint64_t>& handed_out_by, std::uint64_t after, std::uint64_t up_to) {
    const auto by = std::find_if(handed_out_by.begin(), handed_out_by.end(),
                                 [up_to](const auto& answer) { return answer.second == up_to; });
    if (by == handed_out_by.end()) complain("given up what was not handed out", {});
    const auto before = by == handed_out_by.begin() ? 0 : std::prev(by)->second;
    if (before != after) complain("given up another part of an answer", {});
    if (died_.erase(static_cast<std::int64_t>(by->first)) == 0) complain("given up what was not lost", {});
    untold_.erase(static_cast<std::int64_t>(by->first));
  }
  // So many elements are acknowledged.
  template <class Key>
  void check_all_told(const std::map<Key, std::uint64_t>& handed_out_by, std::uint64_t acknowledged) const {
    for (const auto at : untold_) {
      const auto by = handed_out_by.find(static_cast<Key>(at));
      if (by != handed_out_by.end() && by->second <= acknowledged) complain("a loss that nobody is told of", {});
    }
  }

 private:
  std::set<std::int64_t> died_, untold_;
  std::map<std::int64_t, std::uint64_t> doubts_;  // with what had been handed out when they arose
};

}  // namespace fuzz
