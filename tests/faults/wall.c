/* A wall clock that can be set for one process alone, and the kernel's word on it.

   LD_PRELOAD=wall.so GATEPOST_WALL=FILE: FILE holds "MILLISECONDS STATE", by how much the wall
   clock is wrong and whether the kernel calls it synchronised (ntp) or not (unset). It is read
   anew at every look, so writing it sets the clock of the running process; the clocks since boot
   are left alone. libfaketime 0.9.10 cannot do the second, and under it Python's sleep fails. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static long long wrong_by_ns(int *synchronised)
{
    char text[64] = "";
    long long ms = 0;
    char state[16] = "";
    const char *path = getenv("GATEPOST_WALL");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) > 0)
            sscanf(text, "%lld %15s", &ms, state);
        close(file);
    }
    if (synchronised)
        *synchronised = state[0] == 'n';
    return ms * 1000000;
}

int clock_gettime(clockid_t which, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, which, now);
    if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        long long ns = now->tv_sec * 1000000000LL + now->tv_nsec + wrong_by_ns(NULL);
        now->tv_sec = ns / 1000000000;
        now->tv_nsec = ns % 1000000000;
    }
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact))
        return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (into)
        *into = exact.tv_sec;
    return exact.tv_sec;
}

int adjtimex(struct timex *word)
{
    int synchronised;
    wrong_by_ns(&synchronised);
    if (word->modes)
        return -1;
    word->status = synchronised ? 0 : STA_UNSYNC;
    return synchronised ? TIME_OK : TIME_ERROR;
}
