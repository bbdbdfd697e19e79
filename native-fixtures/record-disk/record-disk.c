/*
 * record-disk LOWER MOUNT LOG [names]
 *
 * Mounts a FUSE file system on the empty directory MOUNT that passes everything on to the directory
 * LOWER, and writes each operation that changes something, or that forces something to the medium, to
 * LOG: one total order for all files. With `names`, what is written to files is left out of the log.
 *
 * Nothing is ever forced to the real medium: that a program asked for it is what counts. A record is
 * one line of text and a payload of so many bytes, and a line feed:
 *
 *   KIND INODE A B PAYLOAD_BYTES
 *
 *   create INODE MODE 0       path            unlink, rmdir 0 0 0    path
 *   mkdir INODE MODE 0        path            rename 0 0 0           path NUL path
 *   write INODE OFFSET LENGTH bytes           link INODE 0 0         path NUL path
 *   truncate INODE SIZE 0                     symlink INODE 0 0      target NUL path
 *   sync INODE 0 0                            chmod INODE MODE 0     path
 *   sync-directory INODE 0 0                  mark 0 0 0             words
 *
 * Inodes are those of LOWER; one that is created again is another file. A line on standard input is a
 * command, answered by one line of JSON: `mark WORDS` puts words into the log and answers when all up
 * to them is in its file.
 *
 * The end of standard input, the death of the parent, SIGTERM, SIGINT and SIGHUP end the program and
 * its mount.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fuse-helper/control.h"

static char lower[PATH_MAX], mounted[PATH_MAX];
static FILE *journal;
static bool names_only;
/* Held from before an operation until its record is written: the log has the order that there was. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

#define LOWER_OF(path, name)                                                                       \
  char name[PATH_MAX];                                                                             \
  if (snprintf(name, sizeof name, "%s%s", lower, path) >= (int)sizeof name) return -ENAMETOOLONG

/* -- the log ------------------------------------------------------------------------------------- */

static void put(const char *kind, ino_t inode, long long a, long long b) {
  fprintf(journal, "%s %llu %lld %lld ", kind, (unsigned long long)inode, a, b);
}

static void payload(const void *bytes, size_t length) {
  fprintf(journal, "%zu\n", length);
  fwrite(bytes, 1, length, journal);
  fputc('\n', journal);
}

static void two_paths(const char *from, const char *to) {
  size_t first = strlen(from) + 1;
  fprintf(journal, "%zu\n", first + strlen(to));
  fwrite(from, 1, first, journal);
  fprintf(journal, "%s\n", to);
}

static int done(void) {
  pthread_mutex_unlock(&order);
  return 0;
}

static int failed(void) {
  int error = errno;
  pthread_mutex_unlock(&order);
  return -error;
}

static ino_t inode_of(int descriptor) {
  struct stat found;
  return fstat(descriptor, &found) == 0 ? found.st_ino : 0;
}

static ino_t inode_at(const char *place) {
  struct stat found;
  return lstat(place, &found) == 0 ? found.st_ino : 0;
}

/* -- what changes something ---------------------------------------------------------------------- */

static int on_create(const char *path, mode_t mode, struct fuse_file_info *info) {
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  bool is_new = access(place, F_OK) != 0;
  int descriptor = open(place, (info->flags & ~O_APPEND) | O_CREAT | O_CLOEXEC, mode);
  if (descriptor < 0) return failed();
  info->fh = descriptor;
  info->keep_cache = 1;
  if (is_new) put("create", inode_of(descriptor), mode, 0), payload(path, strlen(path));
  return done();
}

static int on_mkdir(const char *path, mode_t mode) {
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  if (mkdir(place, mode) != 0) return failed();
  put("mkdir", inode_at(place), mode, 0), payload(path, strlen(path));
  return done();
}

static int on_write(const char *path, const char *bytes, size_t length, off_t offset,
                    struct fuse_file_info *info) {
  (void)path;
  pthread_mutex_lock(&order);
  ssize_t written = pwrite(info->fh, bytes, length, offset);
  if (written < 0) return failed();
  put("write", inode_of(info->fh), offset, written);
  payload(bytes, names_only ? 0 : written);
  done();
  return written;
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *info) {
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  if ((info ? ftruncate(info->fh, size) : truncate(place, size)) != 0) return failed();
  put("truncate", info ? inode_of(info->fh) : inode_at(place), size, 0), payload("", 0);
  return done();
}

static int on_fallocate(const char *path, int mode, off_t offset, off_t length,
                        struct fuse_file_info *info) {
  (void)path;
  if (mode != 0) return -EOPNOTSUPP;
  pthread_mutex_lock(&order);
  struct stat found;
  if (posix_fallocate(info->fh, offset, length) != 0 || fstat(info->fh, &found) != 0) {
    errno = ENOSPC;
    return failed();
  }
  put("truncate", found.st_ino, found.st_size, 0), payload("", 0);
  return done();
}

static int on_rename(const char *from, const char *to, unsigned flags) {
  if (flags & ~RENAME_NOREPLACE) return -EINVAL;
  LOWER_OF(from, source);
  LOWER_OF(to, target);
  pthread_mutex_lock(&order);
  if (renameat2(AT_FDCWD, source, AT_FDCWD, target, flags) != 0) return failed();
  put("rename", 0, 0, 0), two_paths(from, to);
  return done();
}

static int on_link(const char *from, const char *to) {
  LOWER_OF(from, source);
  LOWER_OF(to, target);
  pthread_mutex_lock(&order);
  if (link(source, target) != 0) return failed();
  put("link", inode_at(target), 0, 0), two_paths(from, to);
  return done();
}

static int on_symlink(const char *target, const char *path) {
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  if (symlink(target, place) != 0) return failed();
  put("symlink", inode_at(place), 0, 0), two_paths(target, path);
  return done();
}

static int on_unlink(const char *path) {
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  if (unlink(place) != 0) return failed();
  put("unlink", 0, 0, 0), payload(path, strlen(path));
  return done();
}

static int on_rmdir(const char *path) {
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  if (rmdir(place) != 0) return failed();
  put("rmdir", 0, 0, 0), payload(path, strlen(path));
  return done();
}

static int on_chmod(const char *path, mode_t mode, struct fuse_file_info *info) {
  (void)info;
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  if (chmod(place, mode) != 0) return failed();
  put("chmod", inode_at(place), mode, 0), payload(path, strlen(path));
  return done();
}

static int on_fsync(const char *path, int data_only, struct fuse_file_info *info) {
  (void)path, (void)data_only;
  pthread_mutex_lock(&order);
  put("sync", inode_of(info->fh), 0, 0), payload("", 0);
  return done();
}

static int on_fsyncdir(const char *path, int data_only, struct fuse_file_info *info) {
  (void)data_only, (void)info;
  LOWER_OF(path, place);
  pthread_mutex_lock(&order);
  put("sync-directory", inode_at(place), 0, 0), payload("", 0);
  return done();
}

/* -- what only looks, or leaves nothing that must survive ---------------------------------------- */

static int on_getattr(const char *path, struct stat *attributes, struct fuse_file_info *info) {
  LOWER_OF(path, place);
  return (info ? fstat(info->fh, attributes) : lstat(place, attributes)) == 0 ? 0 : -errno;
}

static int on_access(const char *path, int mode) {
  LOWER_OF(path, place);
  return access(place, mode) == 0 ? 0 : -errno;
}

static int on_readlink(const char *path, char *target, size_t length) {
  LOWER_OF(path, place);
  ssize_t got = readlink(place, target, length - 1);
  if (got < 0) return -errno;
  target[got] = 0;
  return 0;
}

static int on_readdir(const char *path, void *names, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags) {
  (void)offset, (void)info, (void)flags;
  LOWER_OF(path, place);
  DIR *directory = opendir(place);
  if (!directory) return -errno;
  struct dirent *entry;
  while ((entry = readdir(directory))) fill(names, entry->d_name, NULL, 0, 0);
  closedir(directory);
  return 0;
}

static int on_open(const char *path, struct fuse_file_info *info) {
  LOWER_OF(path, place);
  /* The kernel gives the offset of each write; O_APPEND would have it ignored. */
  int descriptor = open(place, (info->flags & ~(O_APPEND | O_TRUNC)) | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  info->fh = descriptor;
  /* Whatever changes a file comes through here, so pages of it that are mapped stay true. */
  info->keep_cache = 1;
  return 0;
}

static int on_read(const char *path, char *bytes, size_t length, off_t offset,
                   struct fuse_file_info *info) {
  (void)path;
  ssize_t got = pread(info->fh, bytes, length, offset);
  return got < 0 ? -errno : got;
}

static int on_release(const char *path, struct fuse_file_info *info) {
  (void)path;
  close(info->fh);
  return 0;
}

static int on_statfs(const char *path, struct statvfs *found) {
  LOWER_OF(path, place);
  return statvfs(place, found) == 0 ? 0 : -errno;
}

static int on_utimens(const char *path, const struct timespec times[2],
                      struct fuse_file_info *info) {
  (void)info;
  LOWER_OF(path, place);
  return utimensat(AT_FDCWD, place, times, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

static void *on_init(struct fuse_conn_info *connection, struct fuse_config *config) {
  /* Or opening would cut files, and the log would not have it. */
  connection->want &= ~FUSE_CAP_ATOMIC_O_TRUNC;
  /* A file that is unlinked while it is open is unlinked, not renamed by the library. */
  config->hard_remove = 1;
  return NULL;
}

static const struct fuse_operations OPERATIONS = {
    .init = on_init,         .getattr = on_getattr, .access = on_access,
    .readlink = on_readlink, .readdir = on_readdir, .create = on_create,
    .mkdir = on_mkdir,       .open = on_open,       .read = on_read,
    .write = on_write,       .release = on_release, .truncate = on_truncate,
    .rename = on_rename,     .link = on_link,       .symlink = on_symlink,
    .unlink = on_unlink,     .rmdir = on_rmdir,     .chmod = on_chmod,
    .fsync = on_fsync,       .statfs = on_statfs,   .fsyncdir = on_fsyncdir,
    .utimens = on_utimens,   .fallocate = on_fallocate,
};

/* -- commands and the end ------------------------------------------------------------------------ */

static void command(const char *line) {
  if (strncmp(line, "mark ", 5) != 0) {
    answer("{\"ok\":false,\"problem\":\"not a command\"}");
    return;
  }
  pthread_mutex_lock(&order);
  put("mark", 0, 0, 0), payload(line + 5, strlen(line + 5));
  fflush(journal);
  pthread_mutex_unlock(&order);
  answer("{\"ok\":true}");
}

static void end(void) {
  umount2(mounted, MNT_DETACH);
  pthread_mutex_lock(&order);
  fflush(journal);
  _exit(0);
}

static void *control(void *signals) {
  obey_until_the_end(*(int *)signals, command);
  end();
  return NULL;
}

int main(int count, char **arguments) {
  if (count < 4 || count > 5 || !realpath(arguments[1], lower) || !realpath(arguments[2], mounted))
    return 2;
  names_only = count == 5 && strcmp(arguments[4], "names") == 0;
  journal = fopen(arguments[3], "we");
  if (!journal) return 2;
  umask(0);
  int signals = signals_as_file();
  char *options[] = {arguments[0], "-ofsname=drive-station-record-disk,allow_other", NULL};
  struct fuse_args mount_options = FUSE_ARGS_INIT(2, options);
  struct fuse *fuse = fuse_new(&mount_options, &OPERATIONS, sizeof OPERATIONS, NULL);
  if (!fuse || fuse_mount(fuse, mounted) != 0) return 1;
  pthread_t thread;
  pthread_create(&thread, NULL, control, &signals);
  answer("{\"ok\":true}");
  fuse_loop_mt(fuse, 0);
  /* Somebody else removed the mount. */
  end();
}
