// Command api measures what a StatefulSet controller costs the API server and
// the machine: it drives many sets through create, rolling update, scale to zero
// and delete, first under the in-tree controller and then under Ordinal's, each
// alone in its process on a new cluster with simulated nodes, and prints the
// figures side by side, with the targets. Where limits are lifted it does the same
// with a program that makes the writes and nothing else (bench/least), which tells
// about how much of the figures any controller would take.
//
// The sets have no claims and no governing Service. Binding a claim takes
// upstream's scheduler a second, and its endpoint controllers would take more of
// a small machine than what is measured.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"ordinal.dev/ordinal/bench/internal/machine"
	"ordinal.dev/ordinal/internal/fence"
	"ordinal.dev/ordinal/test/arena"
)

// A scenario is a number of sets, and whether the controllers may ask the API
// server as much as they like.
type scenario struct {
	sets, replicas int
	policy         appsv1.PodManagementPolicyType
	lifted         bool
}

func (s scenario) String() string {
	flags := "default flags"
	if s.lifted {
		flags = "limits lifted"
	}
	return fmt.Sprintf("%d sets × %d, %s, %s", s.sets, s.replicas, s.policy, flags)
}

func scenarios() []scenario {
	return []scenario{
		{100, 3, appsv1.OrderedReadyPodManagement, false},
		{200, 3, appsv1.OrderedReadyPodManagement, true},
		{200, 3, appsv1.ParallelPodManagement, true},
		{1000, 3, appsv1.OrderedReadyPodManagement, true},
		{1000, 3, appsv1.ParallelPodManagement, true},
	}
}

// A contender is a controller to measure.
type contender struct {
	program    string
	user       string   // under which the API server records it
	kubeconfig string   // the identity it starts with
	always     []string // its flags
	lifted     []string // more of them, where limits are lifted
	unlimited  bool     // it is measured only there
	cluster    []string // more flags of the cluster
	install    string   // the manifest with its permissions behind the fence, where that is up
}

func main() {
	ordinal := flag.String("ordinal", "bin/ordinal", "the cluster to measure on")
	ours := flag.String("controller", "bin/ordinal-controller", "Ordinal's controller")
	inTree := flag.String("intree", "bin/intree", "the in-tree controller; empty to measure Ordinal's alone, without ratios")
	least := flag.String("least", "bin/least", "the program that makes the writes and nothing else; empty to leave it out")
	beside := flag.Bool("beside", false, "measure instead what it costs Ordinal's controller behind the fence that the in-tree one runs beside it")
	install := flag.String("install", "install.yaml", "the manifest with the controller's permissions behind the fence")
	only := flag.String("run", "", "measure only scenarios that match this regular expression")
	rounds := flag.Int("rounds", 3, "measure each scenario so often under each controller, in turns, and show the medians")
	limit := flag.Duration("limit", 2*time.Hour, "give up after this time")
	flag.Parse()
	if *rounds < 1 {
		fmt.Fprintf(os.Stderr, "bench: -rounds %d measures nothing; give at least 1\n", *rounds)
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	b := bench{
		out: os.Stdout, ordinal: *ordinal, rounds: *rounds,
		contenders: [3]contender{{
			program: *inTree, user: arena.InTree, kubeconfig: arena.InTreeKubeconfig,
			lifted: []string{"--kube-api-qps=1000", "--kube-api-burst=2000", "--concurrent-statefulset-syncs=16"},
		}, {
			// One instance needs no leader, in-tree neither. Sixteen workers and
			// no limit of its own are its defaults.
			program: *ours, user: arena.Ordinal, kubeconfig: arena.OurKubeconfig,
			always: []string{"--leader-elect=false", "--metrics-addr=", "--health-addr="},
		}, {
			program: *least, user: arena.Ordinal, kubeconfig: arena.OurKubeconfig, unlimited: true,
			always: []string{"--namespace", namespace},
		}},
	}
	run := func() error { return b.all(ctx, *only) }
	if *beside {
		run = func() error { return b.beside(ctx, b.contenders[1], *install) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	out        io.Writer
	ordinal    string
	rounds     int
	contenders [3]contender // in-tree, Ordinal, and the least there is to do
}

func (b *bench) all(ctx context.Context, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run %s: %w", only, err)
	}
	fmt.Fprintf(b.out, "%s; rounds whose medians are shown: %d\n", machine.Describe(), b.rounds)
	var missed int
	for _, s := range scenarios() {
		if !wanted.MatchString(s.String()) {
			continue
		}
		var results [3][]result
		for range b.rounds {
			for i, c := range b.contenders {
				if c.program == "" || c.unlimited && !s.lifted {
					continue
				}
				r, err := b.measure(ctx, s, c)
				if err != nil {
					return fmt.Errorf("%s under %s: %w", s, filepath.Base(c.program), err)
				}
				results[i] = append(results[i], r)
			}
		}
		missed += report(b.out, s, median(results[0]), median(results[1]), median(results[2]))
	}
	fmt.Fprintf(b.out, "\n%d targets missed.\n", missed)
	return nil
}

// measure runs a scenario under one controller, on a cluster of its own.
func (b *bench) measure(ctx context.Context, s scenario, c contender) (r result, err error) {
	cluster, err := arena.Start(ctx, b.ordinal, nodes, c.cluster...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopErr := cluster.Stop(); err == nil {
			err = stopErr
		}
	}()
	if c.install != "" {
		if err := cluster.Fence(ctx, c.install); err != nil {
			return nil, err
		}
	}
	args := append([]string{"--kubeconfig", cluster.Kubeconfig(c.kubeconfig)}, c.always...)
	if s.lifted {
		args = append(args, c.lifted...)
	}
	process, err := arena.Run(ctx, cluster.Log("controller"), c.program, args...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopErr := process.Stop(); stopErr != nil { // it says why all else failed
			err = stopErr
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-process.Ended() // without it there is nothing to wait for
		cancel()
	}()
	admin, err := cluster.Admin()
	if err != nil {
		return nil, err
	}
	record, err := cluster.Record()
	if err != nil {
		return nil, err
	}
	f, err := newFleet(ctx, admin)
	if err != nil {
		return nil, err
	}
	if c.install != "" {
		if err := errors.Join(cluster.Take(ctx, namespace), cluster.UntilStanding(ctx, namespace, fence.Acting)); err != nil {
			return nil, err
		}
	}
	if err := f.warmUp(ctx); err != nil {
		return nil, err
	}
	pid, err := cluster.PID()
	if err != nil {
		return nil, err
	}
	m := meter{user: c.user, record: record, controller: proc(process.PID()), cluster: proc(pid)}
	return m.phases(ctx, f, s)
}

func proc(pid int) string { return fmt.Sprintf("/proc/%d", pid) }
