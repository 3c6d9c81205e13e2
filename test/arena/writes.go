package arena

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// A Write is one request to change something, accepted or not.
type Write struct {
	User string
	As   string // whom the user impersonates, or ""
	Dry  bool   // nothing was to be stored
	// Received and Answered are when the API server began with the request, and when it
	// was done; what was written was stored in between.
	Received, Answered time.Time

	Verb      string
	Resource  string // "pods", "statefulsets/status"
	Namespace string
	Name      string
	Status    int // of HTTP
}

func (w Write) String() string {
	return fmt.Sprintf("%s %s %s/%s: %d", w.Verb, w.Resource, w.Namespace, w.Name, w.Status)
}

// Stored reports whether something was changed by it.
func (w Write) Stored() bool { return w.Status < 300 && !w.Dry }

// A Record reads what the controllers write, from its last position on.
type Record struct {
	file string
	read int64
}

// Record begins now: what was written before is not in it.
func (c *Cluster) Record() (*Record, error) {
	r := &Record{file: c.AuditLog()}
	_, err := r.Next()
	return r, err
}

// Next returns the writes since the last call, in the order of their completion.
func (r *Record) Next() ([]Write, error) {
	f, err := os.Open(r.file)
	if os.IsNotExist(err) {
		return nil, nil // nobody has written anything yet
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, r.read, 1<<62))
	if err != nil {
		return nil, err
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1] // the last line may be under way
	r.read += int64(len(data))
	var writes []Write
	for line := range bytes.Lines(data) {
		w, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.file, err)
		}
		writes = append(writes, w)
	}
	return writes, nil
}

// UntilQuiet returns the writes until there was none for the given time; dry runs, by which
// a controller proves the fence now and then, do not count.
func (r *Record) UntilQuiet(ctx context.Context, quiet time.Duration) ([]Write, error) {
	const looks = 4
	tick := time.NewTicker(quiet / looks)
	defer tick.Stop()
	var all []Write
	for silent := 0; silent <= looks; silent++ {
		writes, err := r.Next()
		if err != nil {
			return nil, err
		}
		all = append(all, writes...)
		if slices.ContainsFunc(writes, func(w Write) bool { return !w.Dry }) {
			silent = 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return all, nil
}

// parse reads one event of audit.k8s.io/v1.
func parse(line []byte) (Write, error) {
	var event struct {
		Verb       string
		RequestURI string

		User, ImpersonatedUser                   struct{ Username string }
		RequestReceivedTimestamp, StageTimestamp time.Time

		ObjectRef struct{ Resource, Subresource, Namespace, Name string }

		ResponseStatus struct{ Code int }
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return Write{}, err
	}
	ref := event.ObjectRef
	w := Write{
		User: event.User.Username, As: event.ImpersonatedUser.Username, Dry: strings.Contains(event.RequestURI, "dryRun="),
		Received: event.RequestReceivedTimestamp, Answered: event.StageTimestamp, Verb: event.Verb,
		Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name,
		Status: event.ResponseStatus.Code,
	}
	if ref.Subresource != "" {
		w.Resource += "/" + ref.Subresource
	}
	return w, nil
}

// WithoutRepeats leaves out what deletes a pod again that is being deleted: the API server
// has nothing to store then, and answers with success before it asks any admission plugin.
// Of two that overlap, the in-tree controller's counts as the repetition.
func WithoutRepeats(writes []Write) (rest []Write) {
	stored := func(w Write) time.Time {
		if w.User == InTree && w.Verb == "delete" {
			return w.Answered
		}
		return w.Received
	}
	slices.SortStableFunc(writes, func(a, b Write) int { return stored(a).Compare(stored(b)) })
	deleted := map[string]bool{}
	for _, w := range writes {
		pod := w.Namespace + "/" + w.Name
		if w.Resource == "pods" && w.Stored() {
			if w.Verb == "delete" && deleted[pod] {
				continue
			}
			deleted[pod] = w.Verb == "delete"
		}
		rest = append(rest, w)
	}
	return rest
}
