/* SPDX-License-Identifier: MIT
 *
 * A disk as a busy host has it: loaded before QEMU's own libraries (scripts/test --slow-disk), it
 * delays each request by some milliseconds at random, and now and then by up to 0.6 s. Only reads,
 * writes and flushes at given places in files are meant: those of disk images.
 *
 * With PERDURE_DISK_DELAYS=FILE a test says how long: the file holds two numbers, the seconds of a read and
 * those of a write or flush, and is looked at anew at each request; while it is not there, nothing is delayed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define STALL_SECONDS 0.6

/* From 0 to 1. Threads need not agree on one sequence: which of them asks first is chance, too. */
static double chance(void) {
  static __thread uint64_t state;
  if (state == 0) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state = (((uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u) ^ (uintptr_t)&state) | 1;
  }
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) / (double)(UINT64_C(1) << 53);
}

static void sleep_for(double seconds) {
  struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
  nanosleep(&time, NULL);
}

/* What the test's file says; both 0 without one that can be understood. */
static void told_seconds(const char *name, double seconds[2]) {
  seconds[0] = seconds[1] = 0;
  FILE *file = fopen(name, "r");
  if (file == NULL) return;
  if (fscanf(file, "%lf %lf", &seconds[0], &seconds[1]) != 2) seconds[0] = seconds[1] = 0;
  fclose(file);
}

static void delay(int is_write, double usual_seconds, double stall_share) {
  const char *told = getenv("PERDURE_DISK_DELAYS");
  if (told != NULL) {
    double told_for[2];
    told_seconds(told, told_for);
    sleep_for(told_for[is_write]);
    return;
  }
  double seconds = usual_seconds * chance() * chance();
  if (chance() < stall_share) seconds += STALL_SECONDS * chance();
  sleep_for(seconds);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

EXPORT int fdatasync(int file) {
  delay(1, 0.02, 0.1);
  return NEXT(fdatasync)(file);
}

EXPORT ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t place) {
  delay(1, 0.002, 0.01);
  return NEXT(pwrite64)(file, bytes, length, place);
}

EXPORT ssize_t pwritev64(int file, const struct iovec *pieces, int count, off64_t place) {
  delay(1, 0.002, 0.01);
  return NEXT(pwritev64)(file, pieces, count, place);
}

EXPORT ssize_t pread64(int file, void *bytes, size_t length, off64_t place) {
  delay(0, 0.001, 0.002);
  return NEXT(pread64)(file, bytes, length, place);
}

EXPORT ssize_t preadv64(int file, const struct iovec *pieces, int count, off64_t place) {
  delay(0, 0.001, 0.002);
  return NEXT(preadv64)(file, pieces, count, place);
}
