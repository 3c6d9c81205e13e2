// The ordinal-controller command runs Ordinal's StatefulSet controller against a
// cluster whose own StatefulSet controller is switched off.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2/textlogger"

	"ordinal.dev/ordinal/internal/controller"
	"ordinal.dev/ordinal/internal/footprint"
	"ordinal.dev/ordinal/internal/version"
)

// pace is that of a controller of a few hundred sets: at work it allocates a few MiB
// a second, and it is at rest for nearly all of its life.
var pace = footprint.Pace{AtRest: 100, AtWork: 48 << 20, Busy: 2 << 20, Calm: 1}

func main() {
	if os.Getenv("GOMAXPROCS") == "" {
		// Nearly all of the time the server is waited for. A second thread would do
		// little but be woken up, and that would cost a fifth of all.
		runtime.GOMAXPROCS(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ordinal-controller:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	options := controller.DefaultOptions()
	options.LeaderElection = true
	options.MetricsAddr, options.HealthAddr = "127.0.0.1:8080", "127.0.0.1:8081"

	flags := pflag.NewFlagSet("ordinal-controller", pflag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "file that says which cluster; empty for the one this runs in")
	showVersion := flags.Bool("version", false, "print the version and end")
	askReady := flags.String("check-ready", "", "only ask the instance at this address, such as http://ordinal-controller:8081/readyz, whether it is ready")
	verbosity := flags.IntP("verbosity", "v", 0, "how much to log, from 0 to 5")
	options.AddFlags(flags)
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there is nothing to do with %q: a flag's value is given as --flag=value", flags.Args())
	}
	if *showVersion {
		fmt.Println("ordinal-controller", version.Ordinal())
		return nil
	}
	if *askReady != "" {
		answer, err := checkReady(ctx, *askReady)
		if err == nil {
			fmt.Println(answer)
		}
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fmt.Errorf("no cluster to run against, give --kubeconfig: %w", err)
	}
	options.Logger = textlogger.NewLogger(textlogger.NewConfig(textlogger.Verbosity(*verbosity)))
	if os.Getenv("GOGC") == "" {
		go footprint.Tune(ctx, pace, func(err error) {
			options.Logger.Error(err, "the controller takes more memory than it needs")
		})
	}
	return controller.Run(ctx, config, options)
}
