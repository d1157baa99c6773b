// What a byte of an attacker costs: for each kind of hostile input the CPU time and the memory that it takes, per byte
// sent, beside usual input. The table of docs/THREAT_MODEL.md is what this prints.
//   build/release/tests/bench/hostile_bench            the table
//   build/release/tests/bench/hostile_bench --check    fails where a byte costs far more than a usual one (ctest)
// Each case runs in a process of its own, so that its peak of memory is its own.
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "tests/bench/hostile_cases.hpp"

namespace {

using hostile::Case, hostile::Sent, hostile::unpacked_limit;

struct Cost {
  double nanoseconds = 0, memory = 0, out = 0;  // per byte sent
  double sent = 0;                              // bytes
};

// The peak since reset_peak(); getrusage() would keep that of making the inputs.
long peak_kilobytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
  }
  return 0;
}

void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5\n";
}

double cpu_nanoseconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
}

Cost measure(const Case& one) {
  malloc_trim(0);
  reset_peak();
  const long before = peak_kilobytes();
  const Sent first = one.run();
  const auto sent = static_cast<double>(first.bytes);
  Cost cost{0, static_cast<double>(peak_kilobytes() - before) * 1024 / sent, static_cast<double>(first.out) / sent,
            sent};
  // What else the machine does only adds to it: the cheapest of some rounds.
  cost.nanoseconds = std::numeric_limits<double>::max();
  for (int round = 0; round < 4; ++round) {
    const double begin = cpu_nanoseconds();
    double bytes = 0;
    do bytes += static_cast<double>(one.run().bytes);
    while (cpu_nanoseconds() - begin < 2e7);
    cost.nanoseconds = std::min(cost.nanoseconds, (cpu_nanoseconds() - begin) / bytes);
  }
  return cost;
}

Cost measure_apart(const Case& one) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    const Cost cost = measure(one);
    _exit(write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 1);
  }
  close(ends[1]);
  Cost cost;
  if (read(ends[0], &cost, sizeof cost) != sizeof cost) std::abort();
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return cost;
}

// Generous, for a loaded machine and for sanitizers: the quadratic ways that were found cost a hundred times as much.
bool costs_little_time(const Case& one, const Cost& cost, const Cost& usual) {
  return one.packed || cost.nanoseconds < 60 * usual.nanoseconds;
}

// The megabytes: the process's own, and buffers that are used again for each message.
bool keeps_little(const Case& one, const Cost& cost) {
  return cost.memory * cost.sent < 250 * (one.packed ? 0 : cost.sent) + (4 << 20);
}

bool passes_little_on(const Case& one, const Cost& cost) {
  if (one.packed) return cost.out * cost.sent <= unpacked_limit;
  return cost.out < 220;
}

}  // namespace

int main(int count, char** arguments) {
  const bool check = count > 1 && std::strcmp(arguments[1], "--check") == 0;
  const std::vector<Case> all = hostile::all_cases();
  std::printf("| input | ns a byte | peak memory, bytes a byte | passed on, bytes a byte |\n|---|---|---|---|\n");
  Cost usual;
  bool fine = true;
  for (const auto& one : all) {
    const Cost cost = measure_apart(one);
    if (&one == all.data()) usual = cost;
    std::printf("| %s | %.1f | %.1f | %.2f |\n", one.name, cost.nanoseconds, cost.memory, cost.out);
    std::fflush(stdout);
    if (!check) continue;
    const auto require = [&](bool holds, const char* what) {
      if (!holds) std::fprintf(stderr, "%s: %s\n", one.name, what);
      fine = fine && holds;
    };
    require(costs_little_time(one, cost, usual), "a byte costs too much time");
    require(keeps_little(one, cost), "it takes too much memory");
    require(passes_little_on(one, cost), "too much is passed on for a byte");
  }
  return fine ? 0 : 1;
}
