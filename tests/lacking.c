/* A file system that lacks flock, fchmod, fsync: with LACKING=flock=38,fsync=22 those calls end in these errors. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

static int lacking(const char *call) {
  const char *all = getenv("LACKING"), *at = all ? strstr(all, call) : NULL;
  return at ? atoi(at + strlen(call)) : 0;
}

static int is_folder(int file) {
  struct stat found;
  return fstat(file, &found) == 0 && S_ISDIR(found.st_mode);
}

int flock(int file, int operation) {
  if ((errno = lacking("flock="))) return -1;
  return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(file, operation);
}

int fchmod(int file, mode_t mode) {
  if ((errno = lacking("fchmod="))) return -1;
  return ((int (*)(int, mode_t))dlsym(RTLD_NEXT, "fchmod"))(file, mode);
}

int fsync(int file) {
  if ((errno = lacking(is_folder(file) ? "fsync_folder=" : "fsync_file="))) return -1;
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(file);
}
