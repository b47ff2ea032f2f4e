// SPDX-License-Identifier: GPL-2.0
/*
 * In a guest: journal FOLDER. Writes records there for ever, each with fsync, and says on the
 * console which one is safe. A new file's name is made safe, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "selftests/machine/record.h"

static int failed(const char *what)
{
	printf("journal: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int folder = open(argc > 1 ? argv[1] : ".", O_RDONLY | O_DIRECTORY), fd = -1;
	struct record r;
	char name[16];
	uint32_t n;

	if (folder < 0)
		return failed("its folder");
	setlinebuf(stdout);
	printf("journal: begin\n");
	for (n = 0;; n++) {
		record_make(&r, n);
		if (n % RECORDS_OF_FILE == 0) {
			close(fd);
			snprintf(name, sizeof(name), "j%u", n / RECORDS_OF_FILE);
			fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
			if (fd < 0)
				return failed(name);
		}
		if (write(fd, &r, sizeof(r)) != sizeof(r) || fsync(fd))
			return failed("write, fsync");
		if (n % RECORDS_OF_FILE == 0 && fsync(folder))
			return failed("fsync of the folder");
		printf("safe %u\n", n);
	}
}
