// Package simnode simulates kubelets: nodes that exist, pods that become
// Running and Ready, and nothing that runs. It needs no privilege, and a
// thousand pods cost a few goroutines.
//
// [Kubelets] keeps a fixed number of nodes registered (sim-0, sim-1, …, each
// annotated ordinal.dev/simulated: "true"), renews their leases, and reports
// for every pod bound to one of them the status that a kubelet would report.
// A pod that asks for no delay gets there with a single write.
//
// # Scripting a pod
//
// Annotations on a pod, and so in a pod template, say how it behaves. They
// may change while the pod runs; the pod follows.
//
//	ordinal.dev/sim-state            what becomes of the pod:
//	    ready                        Running and Ready (when there is no annotation)
//	    not-ready                    Running, never Ready
//	    succeeded                    phase Succeeded, exit code 0
//	    failed                       phase Failed, exit code 1
//	    evicted                      phase Failed, reason Evicted, as under node pressure
//	    crash-loop                   waiting in CrashLoopBackOff; restartCount grows with
//	                                 the kubelet's back-off (10s doubling to 5m). With
//	                                 restartPolicy Never it is the same as failed.
//	    image-pull-backoff           waiting in ImagePullBackOff
//	    creating                     waiting in ContainerCreating, as for a Secret that is missing
//	ordinal.dev/sim-ready-after      how long a started pod stays unready: "5s"
//	ordinal.dev/sim-terminate-after  how long a deleted pod lives on: "2s", at most its
//	                                 grace period, or "never" for a pod that will not go
//
// Succeeded and Failed are final, as on a real node. A value that cannot be
// understood leaves the pod waiting in CreateContainerConfigError with a
// message that says what to write.
//
// # What is kept from a real kubelet, and what is not
//
// A pod stays in ContainerCreating until every claim it mounts is Bound. A
// deleted pod goes with grace period zero and a UID precondition, never by
// force before its time. Restartable init containers run; others have
// completed. Readiness gates count. A container whose image changes is
// restarted. Running containers get the cpu and memory that the pod comes to
// ask for: at once, when the node has room (Deferred), or never, when it is too
// small (Infeasible); that restarts nothing, whatever resizePolicy says.
//
// Probes, config maps and secrets are not looked at, and logs and
// exec are refused with a sentence that says why. Nothing is remembered that
// the API does not hold: after a restart every pod goes on from its own
// status, a delay under way being measured from the whole second the status
// recorded.
package simnode
