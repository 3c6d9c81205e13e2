package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"

	"ordinal.dev/ordinal/internal/cluster"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/cluster/node"
)

// report is what status prints; -o json prints it as it is.
type report struct {
	instance.State
	DataDir string   `json:"dataDir"`
	Alive   bool     `json:"alive"`
	Memory  []memory `json:"memory"`
	Logs    string   `json:"logs"`
}

// full is when a disk has no room for the store's next segment, in bytes.
const full = 64 << 20

// memory is the resident memory of the processes that run one program.
type memory struct {
	Program   string `json:"program"`
	Processes int    `json:"processes"`
	Bytes     int64  `json:"bytes"`
}

func (r *root) newStatus() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [NAMESPACE | sts/NAME]",
		Short: "Say what runs, since when, with how much memory, and where the logs are; or how StatefulSets are",
		Long: `Say what runs on this machine, since when, with how much memory, and where the logs
are. With a namespace, sts/NAME, -n or -A, say how the StatefulSets there are, and what
they wait for.`,
		Args: cobra.MaximumNArgs(1),
	}
	ofSets := r.env("ordinal", r.aim).AddStatus(c)
	all := c.Flags().BoolP("all-namespaces", "A", false, "the StatefulSets of all namespaces")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 || *all || slices.ContainsFunc([]string{"namespace", "context", "kubeconfig"}, c.Flags().Changed) {
			return ofSets(c.Context(), args)
		}
		l, err := r.layout()
		if err != nil {
			return err
		}
		report, err := newReport(l)
		if err != nil {
			return err
		}
		output, err := c.Flags().GetString("output")
		if err != nil {
			return err
		}
		switch output {
		case "json":
			enc := json.NewEncoder(r.out)
			enc.SetIndent("", "  ")
			return enc.Encode(report)
		case "yaml":
			data, err := yaml.Marshal(report)
			if err != nil {
				return err
			}
			_, err = r.out.Write(data)
			return err
		case "":
			return r.printReport(report)
		}
		return fmt.Errorf("-o %s is not known: use json or yaml, or leave it out", output)
	}
	return c
}

func newReport(l layout.Layout) (report, error) {
	s, err := instance.Read(l)
	if err != nil {
		return report{}, err
	}
	rep := report{State: s, DataDir: l.Root, Alive: instance.Alive(l), Logs: l.Logs()}
	switch pid, role := instance.Holder(l); {
	case rep.Alive && role == instance.Down:
		rep.Phase, rep.Error, rep.PID, rep.Parts = instance.Stopping, "", pid, nil
	case rep.Alive && pid != s.PID:
		rep.Phase, rep.Error = instance.Waiting, whyWaiting(l, s)
		rep.PID, rep.Parts = pid, nil
	}
	if rep.Alive {
		rep.Memory = append(rep.Memory, memory{"ordinal", 1, resident(rep.PID)})
	} else if s.Phase == instance.Running || s.Phase == instance.Starting || s.Phase == instance.Stopping {
		rep.Phase, rep.Error = instance.Failed, "the cluster's process was killed; containers go on, and `ordinal up` takes them over"
		if left, err := cluster.DiskLeft(l.Root); err == nil && left < full {
			rep.Error = "the disk is full, and the cluster's process ended; what was acknowledged is stored. Free some space, and `ordinal up` goes on"
		}
	}
	children, err := node.Processes(l)
	if err != nil {
		return report{}, err
	}
	for _, program := range []string{"containerd", "containerd-shim-runc-v2"} {
		m := memory{Program: program, Processes: len(children[program])}
		for _, pid := range children[program] {
			m.Bytes += resident(pid)
		}
		if m.Processes > 0 {
			rep.Memory = append(rep.Memory, m)
		}
	}
	return rep, nil
}

func (r *root) printReport(rep report) error {
	if rep.Phase == "" {
		fmt.Fprintf(r.out, "There is no cluster in %s. Start one: ordinal up\n", rep.DataDir)
		return nil
	}
	fmt.Fprintf(r.out, "The cluster in %s is %s", rep.DataDir, rep.Phase)
	if rep.Alive {
		fmt.Fprintf(r.out, ", since %s ago, as process %d", duration.HumanDuration(time.Since(rep.StartedAt)), rep.PID)
	}
	fmt.Fprintln(r.out, ".")
	if rep.Error != "" {
		fmt.Fprintf(r.out, "Reason: %s\n", rep.Error)
		for _, line := range rep.LogTail {
			fmt.Fprintf(r.out, "  %s\n", line)
		}
	}
	if n := len(rep.Progress); n > 0 && rep.Phase == instance.Stopping {
		fmt.Fprintf(r.out, "  %s\n", rep.Progress[n-1])
	}
	for _, n := range rep.Notes {
		fmt.Fprintf(r.out, "Note: %s.\n", n)
	}
	for _, p := range rep.Parts {
		if rep.Alive && p.Detail != "" {
			fmt.Fprintf(r.out, "%s is %s: %s.\n", p.Name, p.Phase, p.Detail)
		}
	}
	w := tabwriter.NewWriter(r.out, 0, 8, 3, ' ', 0)
	if rep.Alive {
		fmt.Fprintf(w, "\nAPI server\t%s\nNodes\t%s\n", rep.Server, rep.Nodes)
		fmt.Fprintln(w, "\nPART\tSTATE\tREADY IN")
		for _, p := range rep.Parts {
			fmt.Fprintf(w, "%s\t%s\t%.1fs\n", p.Name, p.Phase, p.ReadyIn.Seconds())
		}
	}
	if len(rep.Memory) > 0 {
		fmt.Fprintln(w, "\nPROGRAM\tPROCESSES\tMEMORY")
		for _, m := range rep.Memory {
			fmt.Fprintf(w, "%s\t%d\t%d MB\n", m.Program, m.Processes, m.Bytes/1e6)
		}
	}
	fmt.Fprintf(w, "\nLogs\t%s\n", filepath.Join(rep.Logs, "*.log"))
	return w.Flush()
}

// resident is the resident memory of a process in bytes, 0 if it has ended.
func resident(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb * 1024
		}
	}
	return 0
}
