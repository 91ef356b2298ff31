/* Preloaded into dpkg and what it starts: numbers the steps by which they change the machine, and at one of them kills every
 * process of the machine, as a power cut would.
 *   CUT_LOG  a file; each step appends a line of one width, "PROGRAM CALL PATH": its length tells the step's number
 *   CUT_AT   the step, from 1, that does not happen any more; without it only the lines are written
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char *program_invocation_short_name;

#define WIDTH 160

static void step(const char *call, const char *path) {
  const char *log = getenv("CUT_LOG"), *at = getenv("CUT_AT");
  int before = errno, fd;
  char text[512], line[WIDTH + 1];
  if (!log || (fd = open(log, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) < 0) return;
  snprintf(text, sizeof text, "%s %s %.300s", program_invocation_short_name, call, path ? path : "-");
  snprintf(line, sizeof line, "%-*.*s\n", WIDTH - 1, WIDTH - 1, text);
  if (write(fd, line, WIDTH) != WIDTH) abort();
  if (at && lseek(fd, 0, SEEK_CUR) >= atol(at) * WIDTH) {
    kill(-1, SIGKILL);
    raise(SIGKILL);
  }
  close(fd);
  errno = before;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to) {
  step("rename", to);
  return REAL(rename)(from, to);
}
int link(const char *from, const char *to) {
  step("link", to);
  return REAL(link)(from, to);
}
int symlink(const char *from, const char *to) {
  step("symlink", to);
  return REAL(symlink)(from, to);
}
int unlink(const char *path) {
  step("unlink", path);
  return REAL(unlink)(path);
}
int unlinkat(int folder, const char *path, int flags) {
  step("unlink", path);
  return REAL(unlinkat)(folder, path, flags);
}
int rmdir(const char *path) {
  step("rmdir", path);
  return REAL(rmdir)(path);
}
int mkdir(const char *path, mode_t mode) {
  step("mkdir", path);
  return REAL(mkdir)(path, mode);
}
int fsync(int fd) {
  step("fsync", NULL);
  return REAL(fsync)(fd);
}
int execve(const char *path, char *const arguments[], char *const environment[]) {
  step("run", path);
  return REAL(execve)(path, arguments, environment);
}
int execv(const char *path, char *const arguments[]) {
  step("run", path);
  return REAL(execv)(path, arguments);
}
int execvp(const char *file, char *const arguments[]) {
  step("run", file);
  return REAL(execvp)(file, arguments);
}
