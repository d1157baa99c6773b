/* For LD_PRELOAD: a wall clock that nobody can rely on. Each look at it says another year, forwards and backwards in
 * turn. The monotonic clock is left alone: whatever keeps its time by that one notices nothing. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void) {
  static atomic_long looks;
  const long n = atomic_fetch_add(&looks, 1);
  const long years = 1 + n % 7;
  return (n % 2 == 0 ? years : -years) * 365L * 24 * 3600;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const long result = syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += jump();
  return (int)result;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  const long result = syscall(SYS_gettimeofday, now, zone);
  now->tv_sec += jump();
  return (int)result;
}

time_t time(time_t* where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (where != NULL) *where = now.tv_sec;
  return now.tv_sec;
}
