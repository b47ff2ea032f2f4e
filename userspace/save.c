// SPDX-License-Identifier: GPL-2.0
/*
 * --save and --restore: a guest whose vCPUs have stopped into a file, and back into a new machine.
 * The file has its name only when it is whole. Of a guest that comes nothing runs before all of it
 * is there and the driver has taken it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "userspace/progress.h"
#include "userspace/save.h"
#include "userspace/state.h"

/* The sentence that save_file() prints, unless state.c has said more. */
static int because(struct save_stream *s, const char *what)
{
	snprintf(s->why, sizeof(s->why), "%s: %s", what, strerror(errno));
	return -1;
}

static int write_guest(struct vm *vm, struct save_stream *s, int fd)
{
	u64 pages = 0;

	if (save_begin(s, fd) || state_put_front(vm, s) ||
	    save_ram(s, &vm->ram, NULL, &pages) || state_put(vm, s) || save_end(s))
		return -1;
	/* What cannot be synchronized is a pipe, or the like. */
	return fsync(fd) && errno != EINVAL && errno != EROFS ? because(s, "fsync") : 0;
}

static int write_file(struct vm *vm, struct save_stream *s, const char *name)
{
	int fd, err;

	/* The guest's memory is nobody else's business: the file is made here. */
	unlink(name);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return because(s, name);
	err = write_guest(vm, s, fd);
	if (close(fd) && !err)
		err = because(s, name);
	return err;
}

/* The file's name lasts, too. */
static int sync_folder(struct save_stream *s, const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int err = fd < 0 || (fsync(fd) && errno != EINVAL) ? because(s, path) : 0;

	if (fd >= 0)
		close(fd);
	free(copy);
	return err;
}

/**
 * save_file() - save a guest
 * @vm:		its VM; each vCPU has stopped after a whole instruction
 * @path:	the file, which is replaced when the new one is whole
 *
 * Return: 0, or -1 with the reason reported; the guest is as it was.
 */
int save_file(struct vm *vm, const char *path)
{
	struct save_stream s = { .why = "" };
	char *name;
	int err;

	if (asprintf(&name, "%s.new", path) < 0)
		return -1;
	progress_begin("saving", path, vm->ram.size);
	err = write_file(vm, &s, name);
	progress_end();
	if (!err && rename(name, path))
		err = because(&s, path);
	if (!err)
		err = sync_folder(&s, path);
	if (err) {
		unlink(name);
		report("--save: %s; the guest goes on", s.why[0] ? s.why : "see above");
	}
	free(name);
	return err;
}

/**
 * incoming_open() - open a saved guest's file
 * @in:		filled in; incoming_close() in any case
 * @path:	the file
 *
 * Return: 0, or -1 with the reason reported.
 */
int incoming_open(struct incoming *in, const char *path)
{
	*in = (struct incoming) { .from = path };
	in->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (in->fd >= 0)
		return 0;
	report("%s: %s", path, strerror(errno));
	return -1;
}

/* Here and, if there is one, on the other side. */
static int refuse(struct incoming *in, const char *words)
{
	report("%s: %s", in->from, words);
	if (in->live)
		incoming_reply(in, words);
	return -1;
}

/* The driver's reason is reported already. */
static int refuse_quietly(struct incoming *in)
{
	if (in->live)
		incoming_reply(in, "it cannot run there; see the messages of that side");
	return -1;
}

/**
 * incoming_machine() - make the VM that a guest needs, if it can run here
 * @in:		opened
 * @vm:		VM_NONE; filled in, also on failure
 * @device:	the driver's device
 *
 * Return: 0, or -1 with the reason reported.
 */
int incoming_machine(struct incoming *in, struct vm *vm, const char *device)
{
	const struct save_machine *machine;
	char why[SAVE_WHY];

	if (load_begin(&in->in, in->fd) || load_guest(&in->in, &in->saved))
		return refuse(in, in->in.why);
	machine = saved_machine(&in->saved);
	if (vm_create(vm, device, machine->ram, machine->cpus) || state_check(vm))
		return refuse_quietly(in);
	if (state_take_cpuid(vm, &in->saved, why, sizeof(why)))
		return refuse(in, why);
	return in->live ? incoming_reply(in, "") : 0;
}

/**
 * incoming_state() - read the rest of a guest, and give it to its VM
 * @in:		after incoming_machine()
 * @vm:		the VM with all its devices
 *
 * Return: 0, the guest may run after incoming_wait_go(); or -1 with the reason reported.
 */
int incoming_state(struct incoming *in, struct vm *vm)
{
	int err;

	progress_begin(in->live ? "receiving" : "restoring", in->from, vm->ram.size);
	err = load_rest(&in->in, &in->saved, &vm->ram) || (!in->live && load_no_more(&in->in));
	progress_end();
	if (err)
		return refuse(in, in->in.why);
	return vcpus_create(vm, 0) || state_set(vm, &in->saved) ? refuse_quietly(in) : 0;
}

/**
 * incoming_close() - forget where a guest came from
 * @in:		opened, or not
 */
void incoming_close(struct incoming *in)
{
	load_end(&in->in);
	saved_free(&in->saved);
	if (in->fd >= 0)
		close(in->fd);
}
