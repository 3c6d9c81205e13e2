package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"ordinal.dev/ordinal/internal/identity"
	"ordinal.dev/ordinal/internal/plan"
)

// lookEvery is how often watch looks: often enough that nothing seems to jump.
const lookEvery = 250 * time.Millisecond

func (r *root) newWatch() *cobra.Command {
	var (
		target  *setTarget
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "watch sts/NAME",
		Short: "Follow a StatefulSet until all of its pods are available, and updated as far as its strategy goes",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := target.resolve(r, args[0]); err != nil {
				return err
			}
			ctx := c.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			return newWatcher(r.out).run(ctx, target.snapshot)
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", 0, "give up after this long, such as 5m; 0 for never")
	target = addSetFlags(c)
	return c
}

// watcher shows a set again and again. On a terminal it draws over what it drew
// before; elsewhere it writes a line whenever something changed.
type watcher struct {
	out   *os.File
	live  bool
	began time.Time
	drawn []string // on the terminal, to draw over
	last  string   // line written elsewhere
}

func newWatcher(out *os.File) *watcher {
	return &watcher{out: out, live: term.IsTerminal(int(out.Fd())), began: time.Now()}
}

func (w *watcher) run(ctx context.Context, snapshot func(context.Context) (plan.Snapshot, error)) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	waiting, seen := "the API server has not answered", false
	for {
		s, err := snapshot(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			p := plan.Make(s)
			w.draw(s, p)
			if complete(s, p) {
				return nil
			}
			waiting, seen = cmp.Or(holdsUp(p), "it is on its way"), true
		case !seen || errors.Is(err, errNoSet): // others pass, such as those of an API server that is being replaced
			return err
		default:
			waiting = "it cannot be seen: " + strings.Join(strings.Fields(err.Error()), " ")
			w.note(waiting)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("not complete after %s; %s", time.Since(w.began).Round(time.Second), waiting)
			}
			return errSaid // Ctrl-C: the person knows
		case <-tick.C:
		}
	}
}

// holdsUp says what keeps the set from its goal; empty if that is not known.
func holdsUp(p plan.Plan) string {
	if len(p.Waits) > 0 {
		return p.Waits[0].String()
	}
	return p.Frozen
}

// complete is what `kubectl rollout status` waits for, by the pods themselves: the status
// that is stored may be a second behind them. With a partition, or where outdated pods
// wait for their user to delete them, it is complete as far as the strategy goes.
func complete(s plan.Snapshot, p plan.Plan) bool {
	want := identity.OrdinalsOf(s.Set).Count
	moves := len(p.Waits) > 0 || slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind() == "pod" })
	return s.Set.Status.ObservedGeneration >= s.Set.Generation && !moves && p.Frozen == "" &&
		int(p.Status.AvailableReplicas) == want && int(p.Status.Replicas) == want
}

func (w *watcher) draw(s plan.Snapshot, p plan.Plan) {
	st, want := p.Status, identity.OrdinalsOf(s.Set).Count
	headline := fmt.Sprintf("%s  %d of %d available, %d up to date", s.Set.Name, st.AvailableReplicas, want, st.UpdatedReplicas)
	why := ""
	if !complete(s, p) {
		why = holdsUp(p)
	}
	if !w.live {
		w.say(strings.TrimSuffix(headline+"; "+why, "; "))
		return
	}
	lines := []string{fmt.Sprintf("%s  (%.0fs)", headline, time.Since(w.began).Seconds())}
	pods := slices.Clone(s.Pods)
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return ordinalOf(a) - ordinalOf(b) })
	for _, pod := range pods {
		lines = append(lines, w.row(pod, s.Now))
	}
	lines = append(lines, "  "+why)
	w.redraw(lines)
}

// note says what there is to say while the set cannot be seen, below what was seen last.
func (w *watcher) note(words string) {
	if !w.live {
		w.say(words)
		return
	}
	w.redraw(append(slices.Clone(w.drawn[:len(w.drawn)-1]), "  "+words))
}

// say writes a line where nothing can be drawn over, unless it says what the last one did.
func (w *watcher) say(line string) {
	if line != w.last {
		w.last = line
		fmt.Fprintf(w.out, "%5.1fs  %s\n", time.Since(w.began).Seconds(), line)
	}
}

func (w *watcher) row(pod *corev1.Pod, now time.Time) string {
	mark, words := "…", string(pod.Status.Phase)
	switch {
	case pod.DeletionTimestamp != nil:
		mark, words = "−", "Terminating"
	case podReady(pod):
		mark, words = "✓", "Ready"
	default:
		for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
				words = c.State.Waiting.Reason
			}
		}
	}
	age := duration.HumanDuration(now.Sub(pod.CreationTimestamp.Time))
	return fmt.Sprintf("  %s %-24s %-20s %-6s %s", mark, pod.Name, words, age, identity.Revision(pod))
}

// redraw replaces the lines drawn before. Lines are cut at the terminal's
// width: a wrapped one would make the count wrong.
func (w *watcher) redraw(lines []string) {
	width, _, err := term.GetSize(int(w.out.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	var b strings.Builder
	if len(w.drawn) > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", len(w.drawn))
	}
	for _, line := range lines {
		if cut := []rune(line); len(cut) > width {
			line = string(cut[:width])
		}
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	w.drawn = lines
	fmt.Fprint(w.out, b.String())
}

func podReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func ordinalOf(pod *corev1.Pod) int {
	_, ordinal, _ := identity.Parse(pod.Name)
	return ordinal
}
