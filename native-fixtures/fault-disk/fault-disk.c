/*
 * fault-disk IMAGE PLUGGED [LIMIT_SECONDS]
 *
 * Mounts a FUSE file system that is one read-only file over the existing file PLUGGED. It gives the
 * content of IMAGE and the faults that are set at run time, so that a loop device on PLUGGED has real
 * block-layer errors. IMAGE is never written to.
 *
 * Each line on standard input is a command, each answered by one line of JSON on standard output:
 *
 *   read-error OFFSET LENGTH ERRNO TIMES   reads fail; TIMES -1: always, else only so often
 *   delay OFFSET LENGTH MS                 reads wait first
 *   hang OFFSET LENGTH MS                  the same, and counted as hanging while they wait
 *   corrupt OFFSET LENGTH                  reads give inverted bytes
 *   release                                reads that wait go on
 *   clear                                  the same, and all faults and counters of ranges are dropped
 *   fail ERRNO                             every read fails from now on, also those that wait
 *   size BYTES                             the file says this length from now on; reads that the kernel
 *                                          still sends for more are answered as before
 *   counters                               what was read, in total and per fault
 *
 * The end of standard input, the death of the parent, SIGTERM, SIGINT and SIGHUP end the program: no
 * read waits any longer, loop devices on PLUGGED are detached, the mount is removed. If the kernel
 * does not let go of them within LIMIT_SECONDS (default 5), the program ends all the same; the kernel
 * then fails what is left of the mount. So nothing can hang after the life of this process.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <linux/loop.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../fuse-helper/control.h"

#define MAX_FAULTS 256
#define MAX_WAIT_MS 60000
/* Good bytes before a bad range are delivered in whole sectors of the largest size in use. */
#define SECTOR_BYTES 4096

enum kind { READ_ERROR, DELAY, HANG, CORRUPT };
static const char *const KIND_NAMES[] = {"read-error", "delay", "hang", "corrupt"};

struct fault {
  enum kind kind;
  off_t offset, length;
  long value, times;
  long reads;
};

static struct fault faults[MAX_FAULTS];
static int fault_count;
/* Changed by release and clear; a read that waits goes on when it has changed. */
static unsigned generation;
static int fail_errno;
static off_t file_size;
static long total_reads, total_bytes, total_errors, hanging;
static int image;
static char plugged[4096];
static long limit_seconds = 5;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;

/* -- reading ------------------------------------------------------------------------------------- */

static bool touches(const struct fault *fault, off_t offset, size_t length) {
  return offset < fault->offset + fault->length && fault->offset < offset + (off_t)length;
}

/* Waits with the lock held (and given up meanwhile) until the time is over or the faults change. */
static void wait_for(long milliseconds) {
  unsigned begun = generation;
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += milliseconds / 1000;
  end.tv_nsec += milliseconds % 1000 * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  while (begun == generation && fail_errno == 0)
    if (pthread_cond_timedwait(&changed, &lock, &end) == ETIMEDOUT) break;
}

static void wait_where_told(off_t offset, size_t length) {
  for (int i = 0; i < fault_count && fail_errno == 0; i++) {
    if (faults[i].kind != DELAY && faults[i].kind != HANG) continue;
    if (!touches(&faults[i], offset, length)) continue;
    faults[i].reads++;
    bool hangs = faults[i].kind == HANG;
    if (hangs) hanging++;
    wait_for(faults[i].value);
    if (hangs) hanging--;
  }
}

/*
 * The number of bytes that can be read, or a negative errno. As on a real disk, what lies before a bad
 * sector is delivered, and the request fails from there on.
 */
static long readable(off_t offset, size_t length) {
  if (fail_errno) return -fail_errno;
  for (int i = 0; i < fault_count; i++) {
    struct fault *fault = &faults[i];
    if (fault->kind != READ_ERROR || fault->times == 0) continue;
    if (!touches(fault, offset, length)) continue;
    off_t good = fault->offset > offset ? fault->offset / SECTOR_BYTES * SECTOR_BYTES - offset : 0;
    if (good > 0) {
      length = good;
      continue;
    }
    fault->reads++;
    if (fault->times > 0) fault->times--;
    return -fault->value;
  }
  return length;
}

static void corrupt(char *bytes, off_t offset, size_t length) {
  for (int i = 0; i < fault_count; i++) {
    struct fault *fault = &faults[i];
    if (fault->kind != CORRUPT || !touches(fault, offset, length)) continue;
    fault->reads++;
    off_t from = fault->offset > offset ? fault->offset - offset : 0;
    off_t to = fault->offset + fault->length - offset;
    if (to > (off_t)length) to = length;
    for (off_t at = from; at < to; at++) bytes[at] = ~bytes[at];
  }
}

static int disk_read(const char *path, char *bytes, size_t length, off_t offset,
                     struct fuse_file_info *info) {
  (void)path, (void)info;
  pthread_mutex_lock(&lock);
  total_reads++;
  wait_where_told(offset, length);
  long wanted = readable(offset, length);
  if (wanted < 0) total_errors++;
  pthread_mutex_unlock(&lock);
  if (wanted <= 0) return wanted;
  ssize_t got = pread(image, bytes, wanted, offset);
  if (got < 0) return -errno;
  pthread_mutex_lock(&lock);
  total_bytes += got;
  corrupt(bytes, offset, got);
  pthread_mutex_unlock(&lock);
  return got;
}

static int disk_getattr(const char *path, struct stat *attributes, struct fuse_file_info *info) {
  (void)info;
  if (strcmp(path, "/") != 0) return -ENOENT;
  memset(attributes, 0, sizeof *attributes);
  attributes->st_mode = S_IFREG | 0400;
  attributes->st_nlink = 1;
  pthread_mutex_lock(&lock);
  attributes->st_size = file_size;
  pthread_mutex_unlock(&lock);
  return 0;
}

static int disk_open(const char *path, struct fuse_file_info *info) {
  (void)path;
  if ((info->flags & O_ACCMODE) != O_RDONLY) return -EROFS;
  /* Without the page cache of this file every read of the loop device is seen here. */
  info->direct_io = 1;
  return 0;
}

static void *disk_init(struct fuse_conn_info *connection, struct fuse_config *config) {
  (void)connection;
  config->attr_timeout = 0;
  return NULL;
}

static const struct fuse_operations OPERATIONS = {
    .init = disk_init, .getattr = disk_getattr, .open = disk_open, .read = disk_read};

/* -- commands ------------------------------------------------------------------------------------ */

static void wake_all(void) {
  generation++;
  pthread_cond_broadcast(&changed);
}

static void print_counters(void) {
  printf("{\"ok\":true,\"reads\":%ld,\"bytes\":%ld,\"errors\":%ld,\"hanging\":%ld,\"faults\":[",
         total_reads, total_bytes, total_errors, hanging);
  for (int i = 0; i < fault_count; i++)
    printf("%s{\"kind\":\"%s\",\"offsetBytes\":%lld,\"lengthBytes\":%lld,\"reads\":%ld}",
           i ? "," : "", KIND_NAMES[faults[i].kind], (long long)faults[i].offset,
           (long long)faults[i].length, faults[i].reads);
  answer("]}");
}

static bool well_formed(const struct fault *fault) {
  if (fault->offset < 0 || fault->length < 1 || fault_count == MAX_FAULTS) return false;
  if (fault->kind == READ_ERROR) return fault->value >= 1 && fault->value <= 133;
  if (fault->kind == CORRUPT) return true;
  return fault->value >= 0 && fault->value <= MAX_WAIT_MS;
}

static bool add_fault(const char *name, const char *arguments) {
  struct fault fault = {.times = -1};
  long long offset = -1, length = 0;
  sscanf(arguments, "%lld %lld %ld %ld", &offset, &length, &fault.value, &fault.times);
  fault.offset = offset;
  fault.length = length;
  for (int kind = READ_ERROR; kind <= CORRUPT; kind++) {
    if (strcmp(name, KIND_NAMES[kind]) != 0) continue;
    fault.kind = kind;
    if (!well_formed(&fault)) return false;
    faults[fault_count++] = fault;
    return true;
  }
  return false;
}

static bool set_fail(const char *arguments) {
  int number = 0;
  sscanf(arguments, "%d", &number);
  if (number < 1 || number > 133) return false;
  fail_errno = number;
  wake_all();
  return true;
}

static bool set_size(const char *arguments) {
  long long size = -1;
  sscanf(arguments, "%lld", &size);
  if (size < 0) return false;
  file_size = size;
  return true;
}

static bool obey(const char *name, const char *arguments) {
  if (strcmp(name, "fail") == 0) return set_fail(arguments);
  if (strcmp(name, "size") == 0) return set_size(arguments);
  if (strcmp(name, "release") == 0) return wake_all(), true;
  if (strcmp(name, "clear") == 0) return fault_count = 0, fail_errno = 0, wake_all(), true;
  return add_fault(name, arguments);
}

static void command(const char *line) {
  char name[32] = "";
  int used = 0;
  sscanf(line, "%31s%n", name, &used);
  pthread_mutex_lock(&lock);
  if (strcmp(name, "counters") == 0) print_counters();
  else if (obey(name, line + used)) answer("{\"ok\":true}");
  else answer("{\"ok\":false,\"problem\":\"not a command, or a value out of range\"}");
  pthread_mutex_unlock(&lock);
}

/* -- the end ------------------------------------------------------------------------------------- */

/* Whether the loop device is attached to the plugged file (the kernel may add " (deleted)"). */
static bool is_ours(const char *loop) {
  char path[300], backing[sizeof plugged] = "";
  snprintf(path, sizeof path, "/sys/block/%s/loop/backing_file", loop);
  int attribute = open(path, O_RDONLY | O_CLOEXEC);
  if (attribute < 0) return false;
  ssize_t length = read(attribute, backing, sizeof backing - 1);
  close(attribute);
  size_t ours = strlen(plugged);
  return length > (ssize_t)ours && strncmp(backing, plugged, ours) == 0 &&
         (backing[ours] == '\n' || backing[ours] == ' ');
}

static bool detach_loops(void) {
  bool any = false;
  DIR *directory = opendir("/sys/block");
  struct dirent *entry;
  while (directory && (entry = readdir(directory))) {
    if (strncmp(entry->d_name, "loop", 4) != 0 || !is_ours(entry->d_name)) continue;
    any = true;
    char device[300];
    snprintf(device, sizeof device, "/dev/%s", entry->d_name);
    int loop = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (loop < 0) continue;
    ioctl(loop, LOOP_CLR_FD, 0);
    close(loop);
  }
  if (directory) closedir(directory);
  return any;
}

/* What a loop device does when it is opened must not keep the program alive. */
static void *end_at_limit(void *nothing) {
  sleep(limit_seconds);
  umount2(plugged, MNT_DETACH);
  _exit(3);
  return nothing;
}

static void end(void) {
  pthread_t watchdog;
  pthread_create(&watchdog, NULL, end_at_limit, NULL);
  pthread_mutex_lock(&lock);
  fail_errno = EIO;
  wake_all();
  pthread_mutex_unlock(&lock);
  while (detach_loops()) usleep(20000);
  umount2(plugged, MNT_DETACH);
  _exit(0);
}

static void *control(void *signals) {
  obey_until_the_end(*(int *)signals, command);
  end();
  return NULL;
}

/* -- the beginning ------------------------------------------------------------------------------- */

static bool prepare(char **arguments) {
  struct stat attributes;
  image = open(arguments[1], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (image < 0 || fstat(image, &attributes) != 0 || !S_ISREG(attributes.st_mode)) {
    fprintf(stderr, "%s is not an image file\n", arguments[1]);
    return false;
  }
  file_size = attributes.st_size;
  if (strlen(arguments[2]) >= sizeof plugged) return false;
  strcpy(plugged, arguments[2]);
  if (arguments[3]) limit_seconds = strtol(arguments[3], NULL, 10);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &monotonic);
  return limit_seconds >= 1 && limit_seconds <= 60;
}

int main(int count, char **arguments) {
  if (count < 3 || count > 4 || !prepare(arguments)) return 2;
  int signals = signals_as_file();
  char *options[] = {arguments[0], "-oro,fsname=drive-station-fault-disk", NULL};
  struct fuse_args mount_options = FUSE_ARGS_INIT(2, options);
  struct fuse *fuse = fuse_new(&mount_options, &OPERATIONS, sizeof OPERATIONS, NULL);
  if (!fuse || fuse_mount(fuse, plugged) != 0) return 1;
  pthread_t thread;
  pthread_create(&thread, NULL, control, &signals);
  answer("{\"ok\":true}");
  fuse_loop_mt(fuse, 0);
  /* Somebody else removed the mount. */
  end();
}
