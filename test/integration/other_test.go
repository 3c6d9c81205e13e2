package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// controllerProgram is the environment's word for a program to run as the
// controller, in place of the one in the cluster: one built with the race detector.
const controllerProgram = "ORDINAL_CONTROLLER"

// otherController returns what starts the controller that the environment names, nil
// for the cluster's own. stop ends it, and says what was wrong with it.
func otherController() func(kubeconfig string) (stop func() error, err error) {
	if seed := os.Getenv(sickSeed); seed != "" {
		return func(kubeconfig string) (func() error, error) { return sickController(kubeconfig, seed) }
	}
	if program := os.Getenv(controllerProgram); program != "" {
		return func(kubeconfig string) (func() error, error) { return controllerProcess(kubeconfig, program) }
	}
	return nil
}

// controllerProcess runs a program as the controller, on several threads. One with
// the race detector ends at the first race.
func controllerProcess(kubeconfig, program string) (stop func() error, err error) {
	var said bytes.Buffer
	cmd := exec.Command(program, "--kubeconfig", kubeconfig, "--leader-elect=false", "--metrics-addr=", "--health-addr=")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=4", "GORACE=halt_on_error=1")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			const enough = 10_000
			return fmt.Errorf("%s: %w\n%s", program, err, said.Bytes()[max(0, said.Len()-enough):])
		}
		return nil
	}, nil
}
