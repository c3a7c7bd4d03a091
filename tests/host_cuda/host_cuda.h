// CUDA on the host, block by block: what a kernel's source needs to be compiled by a C++ compiler and run.
//
// The threads of a block are fibers of one thread of the host. Each runs undisturbed until it waits at a barrier or
// a shuffle or ends; then the next one runs, in an order that the launch chooses. Nothing is simultaneous, so a
// missing barrier is not a matter of luck: what a thread reads too early is, in one order or another, not yet written,
// and what a warp overwrites too early has another warp not yet read.
// Shared memory is filled with 0xFF (NaN, -1) before each block and must be intact beyond what the launch asked for.
#pragma once

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ucontext.h>

#define __global__
#define __device__
#define __host__
#define __shared__  // only ever behind `extern`: the launcher refuses a source with shared arrays of its own
#define __restrict__ __restrict
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

using std::fabs;
using std::floor;
using std::isinf;
using std::isnan;
using std::max;
using std::min;
using std::sqrt;

struct uint3 {
  unsigned x, y, z;
};

// Visible outside of this file, so that the compiler expects them to change wherever a thread waits.
uint3 threadIdx, blockIdx, blockDim, gridDim;
static const int warpSize = 32;

namespace host {

enum Failure { NONE, STUCK, SHARED_OVERRUN, TOO_LARGE, CRASHED };
enum State { READY, AT_BLOCK, AT_WARP, DONE };

constexpr unsigned MOST_THREADS = 1024, LANES = 32;
constexpr std::size_t STACK = 1 << 16, SHARED = 48 << 10, GUARD = 1 << 12;

struct Fiber {
  ucontext_t start;
  jmp_buf place;
  bool begun = false;
  State state = DONE;
  unsigned long long given = 0;  // what this lane shows to the others in a shuffle
  std::vector<char> stack;
};

static std::vector<Fiber> fibers(MOST_THREADS);
static std::function<void()> body;
static jmp_buf scheduler;
static unsigned current;

// Let the other threads run until this one may go on.
static void wait(State at) {
  unsigned self = current;
  fibers[self].state = at;
  if (_setjmp(fibers[self].place) == 0) _longjmp(scheduler, 1);
}

static void live() {
  for (;;) {
    body();
    wait(DONE);
  }
}

static void resume(unsigned thread) {
  Fiber& fiber = fibers[thread];
  current = thread;
  threadIdx = {thread, 0, 0};
  if (_setjmp(scheduler) != 0) return;
  if (fiber.begun) _longjmp(fiber.place, 1);
  fiber.begun = true;
  fiber.stack.resize(STACK);
  getcontext(&fiber.start);
  fiber.start.uc_stack.ss_sp = fiber.stack.data();
  fiber.start.uc_stack.ss_size = STACK;
  fiber.start.uc_link = nullptr;
  makecontext(&fiber.start, live, 0);
  setcontext(&fiber.start);
}

// The order in which `size` things run: 0 forward, 1 backward, any other number a shuffle of its own.
static std::vector<unsigned> ordered(unsigned size, unsigned order) {
  std::vector<unsigned> sequence(size);
  for (unsigned i = 0; i < size; ++i) sequence[i] = order == 1 ? size - 1 - i : i;
  if (order < 2) return sequence;
  unsigned long long state = order;
  for (unsigned i = size; i > 1; --i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::swap(sequence[i - 1], sequence[(state >> 33) % i]);
  }
  return sequence;
}

// Let go all of [first, last) if every one of them waits `at` the same kind of place.
static bool release(unsigned first, unsigned last, State at) {
  for (unsigned t = first; t < last; ++t)
    if (fibers[t].state != at) return false;
  for (unsigned t = first; t < last; ++t) fibers[t].state = READY;
  return true;
}

// Forget what the fibers were doing; each begins anew.
static void abandon() {
  for (Fiber& fiber : fibers) fiber.begun = false;
}

// The lanes of each warp, warps and lanes in the order of `sequence`.
static std::vector<std::vector<unsigned>> in_warps(const std::vector<unsigned>& sequence) {
  std::vector<std::vector<unsigned>> warps;
  std::vector<int> place(MOST_THREADS / LANES, -1);
  for (unsigned t : sequence) {
    int& at = place[t / LANES];
    if (at < 0) {
      at = int(warps.size());
      warps.emplace_back();
    }
    warps[at].push_back(t);
  }
  return warps;
}

// A warp runs on through its shuffles until its lanes wait at a barrier of the block or end; then the next one runs.
static Failure run_block(unsigned threads, const std::vector<std::vector<unsigned>>& warps) {
  for (unsigned t = 0; t < threads; ++t) fibers[t].state = READY;
  for (unsigned done = 0; done < threads;) {
    bool moved = false;
    for (const std::vector<unsigned>& lanes : warps) {
      unsigned first = lanes[0] / LANES * LANES, last = std::min(first + LANES, threads);
      do {
        for (unsigned t : lanes) {
          if (fibers[t].state != READY) continue;
          resume(t);
          moved = true;
          done += fibers[t].state == DONE;
        }
      } while (release(first, last, AT_WARP));
    }
    moved |= release(0, threads, AT_BLOCK);
    if (!moved) {
      abandon();
      return STUCK;
    }
  }
  return NONE;
}

}  // namespace host

alignas(16) unsigned char shared_memory[host::SHARED + host::GUARD];

namespace host {

// A crash of the kernel ends its launch and not the process.
static sigjmp_buf crash;
static void crashed(int) { siglongjmp(crash, 1); }

class CrashesCaught {
 public:
  CrashesCaught() {
    struct sigaction action {};
    action.sa_handler = crashed;
    action.sa_flags = SA_NODEFER;
    for (int i = 0; i < COUNT; ++i) sigaction(SIGNALS[i], &action, &before[i]);
  }
  ~CrashesCaught() {
    for (int i = 0; i < COUNT; ++i) sigaction(SIGNALS[i], &before[i], nullptr);
  }

 private:
  static constexpr int COUNT = 3, SIGNALS[COUNT] = {SIGSEGV, SIGBUS, SIGFPE};
  struct sigaction before[COUNT];
};

static Failure launch(const unsigned* grid, unsigned threads, std::size_t shared, unsigned order) {
  if (threads == 0 || threads > MOST_THREADS || shared > SHARED) return TOO_LARGE;
  CrashesCaught caught;
  if (sigsetjmp(crash, 1) != 0) {
    abandon();
    return CRASHED;
  }
  blockDim = {threads, 1, 1};
  gridDim = {grid[0], grid[1], grid[2]};
  auto inner = in_warps(ordered(threads, order));
  for (unsigned block : ordered(grid[0] * grid[1] * grid[2], order)) {
    blockIdx = {block % grid[0], block / grid[0] % grid[1], block / grid[0] / grid[1]};
    std::memset(shared_memory, 0xFF, shared + GUARD);
    if (Failure failure = run_block(threads, inner)) return failure;
    for (std::size_t i = shared; i < shared + GUARD; ++i)
      if (shared_memory[i] != 0xFF) return SHARED_OVERRUN;
  }
  return NONE;
}

template <class T> std::string name_of(T*) { return "other"; }
static std::string name_of(float*) { return "float32"; }
static std::string name_of(double*) { return "float64"; }
static std::string name_of(unsigned char*) { return "uint8"; }
static std::string name_of(int*) { return "int32"; }
static std::string name_of(long long*) { return "int64"; }

// A parameter as Python reads it: "float32* " is written, "float32*c" only read, "int64" a number.
template <class A> struct Parameter {
  static std::string text() { return name_of(static_cast<A*>(nullptr)); }
};
template <class T> struct Parameter<T*> {
  static std::string text() { return name_of(static_cast<T*>(nullptr)) + "* "; }
};
template <class T> struct Parameter<const T*> {
  static std::string text() { return name_of(static_cast<T*>(nullptr)) + "*c"; }
};

template <class... A> const char* signature(void (*)(A...)) {
  static std::string text;
  text.clear();
  ((text += Parameter<A>::text() + ","), ...);
  return text.c_str();
}

template <class... A, std::size_t... I> void apply(void (*kernel)(A...), void** args, std::index_sequence<I...>) {
  kernel(*static_cast<A*>(args[I])...);
}

template <class... A> void bind(void (*kernel)(A...), void** args) {
  body = [=] { apply(kernel, args, std::index_sequence_for<A...>{}); };
}

// Exchange within a warp: every lane shows a value and reads that of lane `from`, its own where there is none.
template <class T> T exchange(T value, int from) {
  static_assert(sizeof(T) <= sizeof(unsigned long long), "a lane shows eight bytes");
  unsigned self = current, first = self - self % LANES, threads = blockDim.x;
  fibers[self].given = 0;
  std::memcpy(&fibers[self].given, &value, sizeof(T));
  wait(AT_WARP);
  T result = value;
  unsigned other = first + unsigned(from);
  if (from >= 0 && from < int(LANES) && other < threads) std::memcpy(&result, &fibers[other].given, sizeof(T));
  wait(AT_WARP);
  return result;
}

static int lane() { return int(current % LANES); }

}  // namespace host

// Called from Python for each entry point of a source.
#define HOST_ENTRY(kernel)                                                                                       \
  extern "C" const char* signature_of_##kernel() { return host::signature(kernel); }                             \
  extern "C" int launch_##kernel(const unsigned* grid, unsigned threads, std::size_t shared, unsigned order,     \
                                 void** args) {                                                                  \
    host::bind(kernel, args);                                                                                    \
    return host::launch(grid, threads, shared, order);                                                           \
  }

static void __syncthreads() { host::wait(host::AT_BLOCK); }
static void __syncwarp(unsigned = 0xffffffffu) { host::wait(host::AT_WARP); }
template <class T> T __shfl_sync(unsigned, T value, int lane) { return host::exchange(value, lane % 32); }
template <class T> T __shfl_xor_sync(unsigned, T value, int mask) { return host::exchange(value, host::lane() ^ mask); }
template <class T> T __shfl_up_sync(unsigned, T value, unsigned by) {
  return host::exchange(value, host::lane() - int(by));
}
template <class T> T __shfl_down_sync(unsigned, T value, unsigned by) {
  return host::exchange(value, host::lane() + int(by));
}

// Multiplication and addition that no compiler may contract into one rounding.
static double __dmul_rn(double a, double b) { return a * b; }
static double __dadd_rn(double a, double b) { return a + b; }
static float __fmul_rn(float a, float b) { return a * b; }
static float __fadd_rn(float a, float b) { return a + b; }
