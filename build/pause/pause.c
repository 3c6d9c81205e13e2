/*
 * pause is the whole content of the sandbox image: the process that holds a
 * pod's namespaces open while its containers come and go.
 *
 * It does two things. As process 1 of a pod that shares its process namespace
 * it is the parent of every orphan in it and must reap them; and it ends at
 * once on SIGTERM or SIGINT, which the kernel would otherwise not deliver to a
 * process 1 without a handler.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>

int main(void)
{
	sigset_t watched;
	int caught;

	sigemptyset(&watched);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGCHLD);
	/* Blocked signals stay pending for sigwait, so none is lost between calls. */
	if (sigprocmask(SIG_BLOCK, &watched, NULL) != 0)
		return 1;

	for (;;) {
		if (sigwait(&watched, &caught) != 0)
			return 1;
		if (caught != SIGCHLD)
			return 0;
		/* One pending SIGCHLD may stand for many children. */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
