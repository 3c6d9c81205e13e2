package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const usage = "usage: counter [serve [--listen ADDRESS] [--data DIRECTORY] [--elect]] | lookup [--srv] NAME | get URL | post URL"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := run(ctx, filepath.Base(os.Args[0]), os.Args[1:], os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
		os.Exit(1)
	}
}

// run is the program under the name it was started by.
func run(ctx context.Context, name string, args []string, in io.Reader, out io.Writer) error {
	switch name {
	case "tar":
		return runTar(args, in, out)
	case "test":
		return runTest(args)
	}
	if len(args) == 0 {
		return runServe(ctx, nil, out)
	}
	switch command, rest := args[0], args[1:]; command {
	case "serve":
		return runServe(ctx, rest, out)
	case "lookup":
		return runLookup(ctx, rest, out)
	case "get", "post":
		return runRequest(ctx, command, rest, out)
	default:
		return errors.New(usage)
	}
}

func runServe(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	listen := flags.String("listen", ":8080", "address to serve on")
	data := flags.String("data", "/data", "where the volume is mounted")
	elect := flags.Bool("elect", false, "have one of the pods lead, and tell which")
	if err := flags.Parse(args); err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	count, err := openCount(*data)
	if err != nil {
		return err
	}
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil {
		return err
	}
	s := &server{
		hostname: hostname,
		service:  serviceDomain(hosts, hostname),
		count:    count,
		lookup:   net.DefaultResolver.LookupSRV,
	}
	if *elect {
		s.election = &election{
			hostname: hostname, client: &http.Client{Timeout: 2 * time.Second},
			peers: func(ctx context.Context) ([]peer, error) { return findPeers(ctx, s.lookup, s.service) },
		}
		go s.election.run(ctx)
	}
	return s.serve(ctx, *listen, out)
}

// runTest is test(1) for the one question that kubectl cp asks.
func runTest(args []string) error {
	if len(args) != 2 || args[0] != "-d" {
		return errors.New("usage: test -d PATH")
	}
	info, err := os.Stat(args[1])
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", args[1])
	}
	return nil
}
