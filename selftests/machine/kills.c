// SPDX-License-Identifier: GPL-2.0
/*
 * kills DEVICE COUNT SEED: what a guest has synced survives the runner's death. TAP, in a lab that
 * test_kills.py has made.
 *
 * The guest of /saved (kills.init) goes on COUNT times with a copy of the disk of that moment, and
 * keeps a journal there (journal.c). Its runner is killed at a random moment. Then the file
 * system's own journal is replayed, it must be clean, and each record that the guest was told to
 * be safe must be there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

#include "selftests/machine/record.h"
#include "selftests/runner/runner.h"

#define DISK		"/disk.img"		/* as the guest was saved with it */
#define WORK		"/work.img"
#define DUMP		"/dump"
#define SPREAD_US	200000			/* of the moments */

/* The ways to carry out a request, each in turn. */
static const char * const disks[] = {
	WORK ",io=uring", WORK ",io=thread", WORK ",io=uring,cache=writethrough",
	WORK ",io=thread,cache=writethrough",
};

static struct runner guest;
static uint64_t seed;

static uint32_t random32(void)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return seed >> 32;
}

static bool copy_disk(void)
{
	int in = open(DISK, O_RDONLY), out = open(WORK, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct stat st;
	off_t left;
	ssize_t n = 0;

	fstat(in, &st);
	for (left = st.st_size; left && (n = sendfile(out, in, NULL, left)) > 0; left -= n)
		;
	close(in);
	return !close(out) && !left;
}

/* Runs the guest for that long. Returns how many records are safe, -1 if it did not begin. */
static int run_and_kill(const char *spec, unsigned int us)
{
	const char *last;

	runner_start(&guest, -1, (const char * const []) {
		"kvmlet", "run", "--device", device, "--restore", "/saved", "--disk", spec, NULL });
	if (!runner_read(&guest, "journal: begin")) {
		runner_end(&guest);
		return -1;
	}
	usleep(us);
	kill(guest.pid, SIGKILL);
	if (runner_end(&guest) != -SIGKILL)
		return -1;
	last = memrchr(guest.text, '\n', guest.n);
	while (last && last > guest.text && strncmp(last, "\nsafe ", 6))
		last = memrchr(guest.text, '\n', last - guest.text);
	return last && last > guest.text ? atoi(last + 6) + 1 : 0;
}

/* The status of a command, whose words are only of interest if it fails. */
static int status_of(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Replays the file system's journal; then it has to be clean. */
static bool is_clean(void)
{
	int replayed = status_of("e2fsck -p " WORK " >/fsck.txt 2>&1");
	int checked = status_of("e2fsck -fn " WORK " >>/fsck.txt 2>&1");

	if (replayed > 1 || checked)
		status_of("sed 's/^/# /' /fsck.txt");
	return replayed <= 1 && !checked;
}

/* How many records from the first on are there, as they were written. */
static int count_records(void)
{
	struct record r;
	char path[32];
	int n = 0, before, fd;

	status_of("rm -rf " DUMP "; mkdir " DUMP "; debugfs -R 'rdump / " DUMP "' " WORK
		  " >/debugfs.txt 2>&1");
	do {
		before = n;
		snprintf(path, sizeof(path), DUMP "/j%d", n / RECORDS_OF_FILE);
		fd = open(path, O_RDONLY);
		while (read(fd, &r, sizeof(r)) == sizeof(r) && record_is(&r, n))
			if (++n % RECORDS_OF_FILE == 0)
				break;
		close(fd);
	} while (n == before + RECORDS_OF_FILE);
	return n;
}

/* One life. Returns the records that were safe. */
static int one(unsigned int i)
{
	const char *spec = disks[i % (sizeof(disks) / sizeof(disks[0]))];
	unsigned int us = random32() % SPREAD_US;
	int safe, there;
	bool clean;

	if (!tap_ok(copy_disk(), "%u: the disk is as it was", i))
		return 0;
	safe = run_and_kill(spec, us);
	if (!tap_ok(safe >= 0, "%u: %s: killed after %u us", i, spec, us)) {
		printf("# %.300s\n", guest.text);
		return 0;
	}
	clean = is_clean();
	there = count_records();
	tap_ok(clean, "%u: the file system is clean", i);
	if (!tap_ok(there >= safe, "%u: each record that was safe is there", i))
		printf("# %d were safe, %d are there\n", safe, there);
	return safe;
}

int main(int argc, char **argv)
{
	unsigned int i, count = argc > 2 ? atoi(argv[2]) : 5;
	int records = 0;

	device = argc > 1 ? argv[1] : "/dev/kvmlet";
	seed = argc > 3 ? atoi(argv[3]) : 1;
	tap_begin();
	for (i = 0; i < count; i++)
		records += one(i);
	printf("# %u kills, %d safe records\n", count, records);
	tap_ok(records > (int)count, "the guests had records to lose");
	return tap_end();
}
